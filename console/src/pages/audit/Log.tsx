import { Button, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { logList } from "@/api/audit";
import { info, node } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { CopyCommand } from "@/components/CopyCommand";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { ScrollTable } from "@/components/ScrollTable";
import { VerdictBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Log } from "@/gen/audit_pb";
import { plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import { forget, keptOf } from "@/proof/kept";
import { fingerprint, parseKey, signedBy } from "@/proof/note";
import { AuditTabs } from "./AuditTabs";
import classes from "./audit.module.css";
import { Problems } from "./Problems";
import { nodeOf } from "./problems";

/** One log: its key, its newest checkpoint, who keeps it, and what this browser keeps of it. */
export function LogPage() {
  const { t } = useTranslation();
  const { _splat: origin = "" } = useParams({ from: "/audit/log/$" });
  const logs = useQuery(logList());
  return (
    <Result of={logs} what={t("audit.logsFailed")} rows={8} page>
      {(all) => {
        const log = all.find((l) => l.origin === origin);
        return log === undefined ? <Unknown origin={origin} /> : <One log={log} />;
      }}
    </Result>
  );
}

function Unknown({ origin }: { origin: string }) {
  const { t } = useTranslation();
  return (
    <Page title={plain(origin)}>
      <AuditTabs here="logs" />
      <Panel title={t("audit.logs")}>
        <Empty title={t("audit.noLog")} how={t("audit.noLogHow")}>
          <ButtonLink to="/audit/logs" variant="default" size="xs">
            {t("audit.logs")}
          </ButtonLink>
        </Empty>
      </Panel>
    </Page>
  );
}

function One({ log }: { log: Log }) {
  const { t } = useTranslation();
  const of = nodeOf(log.origin);
  const own = useQuery(info()).data;
  const here = own?.auditOrigin === log.origin;
  return (
    <Page
      title={plain(log.origin)}
      badge={log.problems.length > 0 && <VerdictBadge result="bad" />}
      about={of === undefined ? t(here ? "audit.kind.server" : "audit.kind.replica") : <OfNode id={of} />}
      actions={
        <ButtonLink
          to="/audit"
          search={(old) => ({ tenant: old.tenant, log: log.origin, since: "all" })}
          variant="default"
          size="xs"
        >
          {t("audit.itsRecords")}
        </ButtonLink>
      }
    >
      <AuditTabs here="logs" />
      <Problems logs={[log]} links={false} />
      <Panel title={t("audit.stands")}>
        <Facts
          of={[
            [t("audit.size"), Number(log.size).toLocaleString()],
            [t("audit.checkpoint"), <Time key="c" at={log.time} full />],
            [t("audit.verified"), of === undefined ? <Time key="v" at={log.verified} full /> : t("audit.byItself")],
          ]}
        />
      </Panel>
      <div className={classes.columns}>
        <div className={classes.stack}>
          <Key log={log} />
          <Browser origin={log.origin} size={log.size} />
        </div>
        <div className={classes.stack}>
          <Keepers log={log} />
          <Copy log={log} />
        </div>
      </div>
    </Page>
  );
}

function OfNode({ id }: { id: string }) {
  const { t } = useTranslation();
  const one = useQuery(node(id));
  return (
    <>
      {t("audit.ofNode")}{" "}
      <PageLink to="/nodes/$id" params={{ id }} underline="always">
        {plain(one.data?.name ?? id)}
      </PageLink>
    </>
  );
}

/** The key with its fingerprint, and whether it signed the newest checkpoint, which is checked here. */
function Key({ log }: { log: Log }) {
  const { t } = useTranslation();
  const checked = useQuery({
    queryKey: ["Record", "signature", log.publicKey, log.checkpoint],
    queryFn: async () => {
      const key = await parseKey(log.publicKey);
      if (key === undefined) return { print: "", signed: false };
      return { print: await fingerprint(key), signed: log.checkpoint !== "" && (await signedBy(log.checkpoint, key)) };
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Panel title={t("audit.key")} aside={log.checkpoint !== "" && checked.data?.signed === false && <VerdictBadge result="bad" />}>
      <Text mb="xs">{t(nodeOf(log.origin) === undefined ? "audit.keyHow" : "audit.keyOfNode")}</Text>
      <CopyCommand text={plain(log.publicKey)} label={t("audit.key")} />
      <Text size="xs" c="dimmed" mt="sm">
        {t("audit.value.fingerprint")}
      </Text>
      <code style={{ overflowWrap: "anywhere" }}>{checked.data?.print}</code>
      {log.checkpoint !== "" && (
        <>
          <Text size="xs" c="dimmed" mt="sm" mb="xs">
            {t(checked.data?.signed === false ? "audit.noteBad" : "audit.note")}
          </Text>
          <CopyCommand text={log.checkpoint} shown={log.checkpoint.split("\n").map(plain).join("\n")} label={t("audit.note")} />
        </>
      )}
    </Panel>
  );
}

function Keepers({ log }: { log: Log }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("audit.keepers")} flush>
      {log.keepers.length === 0 ? (
        <Text p="md">{t("audit.noKeepers")}</Text>
      ) : (
        <ScrollTable label={t("audit.keepers")}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("audit.keeper")}</Table.Th>
                <Table.Th ta="end">{t("audit.size")}</Table.Th>
                <Table.Th>{t("audit.taken")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {log.keepers.map((k) => (
                <Table.Tr key={`${k.origin} ${k.size}`}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{plain(k.origin)}</Table.Td>
                  <Table.Td ta="end">{Number(k.size).toLocaleString()}</Table.Td>
                  <Table.Td>
                    <Time at={k.time} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </ScrollTable>
      )}
    </Panel>
  );
}

/** What this browser keeps as a witness of its own. */
function Browser({ origin, size }: { origin: string; size: bigint }) {
  const { t } = useTranslation();
  const [kept, setKept] = useState(() => keptOf(origin));
  const [asking, setAsking] = useState(false);
  useEffect(() => setKept(keptOf(origin)), [origin]);
  return (
    <Panel title={t("audit.browser")}>
      <Text mb="sm">{t("audit.browserHow")}</Text>
      {kept === undefined ? (
        <Text c="dimmed">{t("audit.browserNone")}</Text>
      ) : (
        <>
          <Facts
            of={[
              [t("audit.size"), Number(kept.size).toLocaleString()],
              [t("audit.value.since"), <Time key="s" at={new Date(kept.since)} full />],
            ]}
          />
          {size < kept.size && <Text mt="sm">{t("audit.browserOlder")}</Text>}
          <Button size="xs" variant="default" mt="sm" onClick={() => setAsking(true)}>
            {t("audit.forget")}
          </Button>
          <Confirm
            opened={asking}
            onClose={() => setAsking(false)}
            title={t("audit.forgetAsk", { log: plain(origin) })}
            preview={t("audit.forgetPreview")}
            action={t("audit.forget")}
            what={t("audit.forgetFailed")}
            work={async () => {
              forget(origin);
              setKept(undefined);
            }}
          />
        </>
      )}
    </Panel>
  );
}

function Copy({ log }: { log: Log }) {
  const { t } = useTranslation();
  const name = log.origin.split("/").at(-1) ?? "";
  const dir = nodeOf(log.origin) === undefined ? `DATA_DIR/audit/${name}` : "DATA_DIR/audit";
  return (
    <Panel title={t("audit.copy")}>
      <Text mb="xs">{t("audit.copyHow")}</Text>
      <CopyCommand
        text={command`cp -r ${dir} copy\nbulkhead audit verify --dir copy --key ${log.publicKey}`}
        label={t("audit.copy")}
      />
    </Panel>
  );
}
