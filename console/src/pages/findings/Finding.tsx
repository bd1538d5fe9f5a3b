import { Button, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { finding } from "@/api/findings";
import { assessment, catalogue, exceptionList, nodeFacts, statusOfNode } from "@/api/queries";
import { EvidenceList } from "@/components/EvidenceList";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Remedy } from "@/components/Remedy";
import { Result } from "@/components/Result";
import { SeverityBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Finding } from "@/gen/fleet_pb";
import { type Check, resultOf } from "@/lib/assessment";
import { plain } from "@/lib/plain";
import { processesOf } from "@/lib/processes";
import { useWords } from "@/lib/words";
import layout from "../requirements/Requirement.module.css";
import { Notes } from "./Notes";
import { ProcessTree } from "./Processes";
import { FindingState } from "./State";
import { TriageDialog } from "./Triage";

/** One finding: what is wrong, why we say so, what runs there, what to do, and who sees to it. */
export function FindingPage() {
  const { t } = useTranslation();
  const { node, id } = useParams({ from: "/findings/$node/$id" });
  const one = useQuery(finding(node, id));
  return (
    <Result of={one} what={t("findings.oneFailed")} rows={8} page>
      {(f) => <One f={f} />}
    </Result>
  );
}

function One({ f }: { f: Finding }) {
  const { t } = useTranslation();
  const words = useWords();
  const [triaging, setTriaging] = useState<Finding>(); // as it was seen, whatever others do meanwhile
  const newest = useQuery(statusOfNode(f.tenant, f.node));
  const full = useQuery(assessment(newest.data?.nodes[0]?.id ?? ""));
  const check = resultOf(full.data?.document, f.requirement)?.checks.find((c) => c.id === f.kind);
  return (
    <Page
      title={words(check?.title, check?.title_zh) || f.kind}
      badge={
        <>
          <SeverityBadge severity={f.severity} />
          <FindingState state={f.state} />
        </>
      }
      about={
        <>
          <PageLink to="/nodes/$id" params={{ id: f.node }} underline="always">
            {f.nodeName}
          </PageLink>
          {f.subject !== "" && (
            <>
              {" · "}
              <code>{plain(f.subject)}</code>
            </>
          )}
        </>
      }
      actions={
        <Button size="xs" onClick={() => setTriaging(f)}>
          {t("findings.triage")}
        </Button>
      }
    >
      <div className={layout.columns}>
        <Stack gap="md" miw={0}>
          <Why f={f} check={check} waits={newest.isPending || full.isLoading} />
          <Runs f={f} check={check} />
        </Stack>
        <Stack gap="md" miw={0}>
          <About f={f} />
          <Notes f={f} />
        </Stack>
      </div>
      {triaging !== undefined && <TriageDialog of={[triaging]} onClose={() => setTriaging(undefined)} />}
    </Page>
  );
}

/** Evidence of the newest assessment, and what its check says to do. */
function Why({ f, check, waits }: { f: Finding; check: Check | undefined; waits: boolean }) {
  const { t } = useTranslation();
  const words = useWords();
  const own = useMemo(() => (check?.evidence ?? []).filter((e) => (e.subject ?? "") === f.subject), [check, f.subject]);
  const remedy = words(check?.remediation, check?.remediation_zh);
  return (
    <>
      <Panel title={t("findings.text")}>
        {own.length > 0 ? (
          <EvidenceList node={f.node} evidence={own} />
        ) : (
          <>
            <Text style={{ overflowWrap: "anywhere" }}>{words(f.text, f.textZh)}</Text>
            <Text c="dimmed" mt="xs">
              {waits ? t("common.loading") : t(f.source === "node" ? "findings.nodeSays" : "findings.noEvidence")}
            </Text>
          </>
        )}
      </Panel>
      {remedy !== "" && (
        <Panel title={t("findings.remedy")}>
          <Remedy text={remedy} label={t("findings.remedy")} />
        </Panel>
      )}
    </>
  );
}

function Runs({ f, check }: { f: Finding; check: Check | undefined }) {
  const facts = useQuery(nodeFacts(f.node));
  const found = useMemo(() => {
    const pointers = (check?.evidence ?? []).filter((e) => (e.subject ?? "") === f.subject).map((e) => e.pointer);
    return processesOf(facts.data?.snapshot, f.subject, pointers);
  }, [facts.data, check, f.subject]);
  return found === undefined ? null : <ProcessTree of={found} node={f.node} />;
}

function About({ f }: { f: Finding }) {
  const { t } = useTranslation();
  const words = useWords();
  const known = useQuery(catalogue()).data?.requirements.find((r) => r.id === f.requirement);
  const covering = useQuery({ ...exceptionList(f.tenant), enabled: f.exception !== "" }).data?.rows.find(
    (e) => e.id === f.exception,
  );
  const exception =
    covering === undefined
      ? t("findings.covered")
      : t("findings.coveredBy", { owner: plain(covering.owner), day: covering.expires });
  return (
    <Panel title={t("findings.aboutIt")}>
      <Facts
        of={[
          [t("findings.owner"), plain(f.owner?.name ?? "") || t("findings.noOwner")],
          [
            t("findings.requirement"),
            f.requirement === "" ? (
              t("table.none")
            ) : (
              <PageLink key="r" to="/requirements/$id" params={{ id: f.requirement }} search={{ node: f.node }}>
                {f.requirement} {words(known?.title?.en, known?.title?.zh)}
              </PageLink>
            ),
          ],
          [t("findings.kind"), <code key="k">{f.kind}</code>],
          [t("findings.excepted"), f.exception === "" ? t("findings.yesno.no") : exception],
          [t("findings.first"), <Time key="f" at={f.first} full />],
          [t("findings.last"), <Time key="l" at={f.last} full />],
          [t("findings.overSince"), f.over === undefined ? t("findings.stillOpen") : <Time key="o" at={f.over} full />],
          [t("findings.count"), String(f.count)],
          [t("nodes.tenant"), f.tenant],
        ]}
      />
    </Panel>
  );
}
