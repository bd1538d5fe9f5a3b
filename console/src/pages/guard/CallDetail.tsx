import { Drawer, Group, Stack, Text } from "@mantine/core";
import { IconFileCertificate, IconScale } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CopyCommand } from "@/components/CopyCommand";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts } from "@/components/Page";
import { Time } from "@/components/Time";
import type { GuardCall } from "@/gen/guard_pb";
import { lines, plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import { useActionWords } from "../audit/words";
import { type CallSearch, callSearch, rulesOf } from "./filter";
import classes from "./guard.module.css";
import { CallOutcome, NodeOf, ObjectOf, Rules } from "./parts";

interface Props {
  call: GuardCall | undefined;
  /** A call that the address names and that is not among those that were read. */
  missing: string | undefined;
  onClose: () => void;
}

/** One call: what was asked, what the guard made of it and why, what would pass, and where more is. */
export function CallDetail({ call: c, missing, onClose }: Props) {
  const { t } = useTranslation();
  const words = useActionWords();
  return (
    <Drawer
      opened={c !== undefined || missing !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={c === undefined ? t("guard.one") : words(c.action)}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {c !== undefined && <One c={c} />}
      {c === undefined && missing !== undefined && (
        <Stack gap="sm">
          <Text>{t("guard.notHere")}</Text>
          <PageLink to="/audit/records/$" params={{ _splat: missing }}>
            {t("guard.toRecord")}
          </PageLink>
        </Stack>
      )}
    </Drawer>
  );
}

function One({ c }: { c: GuardCall }) {
  const { t } = useTranslation();
  return (
    <Stack gap="md">
      <Group gap="sm">
        <CallOutcome c={c} />
        <Text span c="dimmed">
          <Time at={c.time} full />
        </Text>
      </Group>
      <Why c={c} />
      <Facts
        of={[
          [t("guard.person"), <Person key="p" c={c} />],
          [t("guard.object"), <What key="o" c={c} />],
          [t("guard.node"), <NodeOf key="n" of={c} underline />],
          [t("guard.call"), <code key="c">{plain(c.call) || "–"}</code>],
          [t("guard.inPolicies"), <code key="a">{plain(c.action)}</code>],
          [t("guard.tenant"), plain(c.tenant)],
        ]}
      />
      {c.warnings.length > 0 && (
        <Said title={t("guard.warnings")}>
          <ul className={classes.plainList}>
            {c.warnings.map((w) => (
              <li key={w}>{lines(w)}</li>
            ))}
          </ul>
        </Said>
      )}
      {c.recording !== "" && (
        <Said title={t("guard.recording")}>
          {c.node !== "" && (
            <PageLink to={"/guard/recordings/$node/$id"} params={{ node: c.node, id: c.recording }}>
              {t("guard.recording")}
            </PageLink>
          )}
          <CopyCommand text={command`bulkhead guard sessions replay ${c.recording}`} label={t("guard.recording")} />
        </Said>
      )}
      <Said title={t("guard.record")}>
        <code className={classes.wrap}>{plain(c.id)}</code>
        <Group gap="xs" mt="xs">
          <ButtonLink
            to="/audit/records/$"
            params={{ _splat: c.id }}
            size="xs"
            variant="default"
            leftSection={<IconFileCertificate size={15} aria-hidden />}
          >
            {t("guard.toProof")}
          </ButtonLink>
          <ButtonLink
            to="/policies/ask"
            search={(old) => ({ tenant: old.tenant, q: "record", record: c.id })}
            size="xs"
            variant="default"
            leftSection={<IconScale size={15} aria-hidden />}
          >
            {t("guard.toExplanation")}
          </ButtonLink>
        </Group>
        {c.of !== "" && (
          <Text size="xs" mt="xs">
            {t("guard.continues")}{" "}
            <PageLink to="/audit/records/$" params={{ _splat: c.of }}>
              {plain(c.of)}
            </PageLink>
          </Text>
        )}
      </Said>
    </Stack>
  );
}

/** The rule, its reason and what would pass; nothing for a call that is in order. */
function Why({ c }: { c: GuardCall }) {
  const { t } = useTranslation();
  const observed = c.outcome === "allowed";
  if (observed && c.wouldRefuse.length === 0) return c.reason === "" ? null : <Text>{lines(c.reason)}</Text>;
  const rules = rulesOf(c);
  const needs = c.needs.flatMap((n) => known.filter((k) => k === n));
  return (
    <div className={classes.why} data-tone={observed ? "part" : "bad"}>
      {observed && <Text fw={600}>{t("guard.wouldRefuse")}</Text>}
      {c.reason !== "" && <Text fw={observed ? 400 : 600}>{lines(c.reason)}</Text>}
      <dl className={classes.pairs}>
        {rules.length > 0 && (
          <>
            <dt>{t("guard.rule")}</dt>
            <dd>
              <Rules of={rules} />
            </dd>
          </>
        )}
        {c.remedy !== "" && (
          <>
            <dt>{t("guard.passes")}</dt>
            <dd>{lines(c.remedy)}</dd>
          </>
        )}
        {needs.length > 0 && (
          <>
            <dt>{t("guard.needsHead")}</dt>
            <dd>{needs.map((n) => t(`guard.need.${n}`)).join(", ")}</dd>
          </>
        )}
        {c.requirement !== "" && (
          <>
            <dt>{t("guard.requirement")}</dt>
            <dd>
              <PageLink to="/requirements/$id" params={{ id: c.requirement }} underline="always">
                {c.requirement}
              </PageLink>
            </dd>
          </>
        )}
      </dl>
      {needs.includes("approval") && (
        <CopyCommand
          text={command`bulkhead access request ${c.action} ${`${c.resource?.type}::${c.resource?.id}`} --reason '…'`}
          label={t("guard.askApproval")}
        />
      )}
    </div>
  );
}

const known = ["approval", "step_up", "factor", "phishing_resistant"] as const;

function Said({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed" mb={2}>
        {title}
      </Text>
      {children}
    </div>
  );
}

function Only({ search, what }: { search: CallSearch; what: string }) {
  const { t } = useTranslation();
  return (
    <PageLink to="/guard" search={(old) => ({ tenant: old.tenant, since: callSearch(old).since, ...search })} size="xs">
      {t("guard.only")}
      <span className="hidden-text">: {what}</span>
    </PageLink>
  );
}

function Person({ c }: { c: GuardCall }) {
  const { t } = useTranslation();
  const name = plain(c.actorName || c.actor);
  if (name === "") return <>{t("guard.nobody")}</>;
  return (
    <>
      <span title={plain(c.actor)}>{name}</span> {c.actor !== "" && <Only search={{ actor: c.actor }} what={name} />}
    </>
  );
}

function What({ c }: { c: GuardCall }) {
  const { type, id } = c.resource ?? {};
  return (
    <span className={classes.wrap}>
      <ObjectOf c={c} underline /> {id && <Only search={{ type, object: id }} what={plain(id)} />}
    </span>
  );
}
