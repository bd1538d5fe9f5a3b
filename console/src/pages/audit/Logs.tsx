import { Button, Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { logList } from "@/api/audit";
import { audit } from "@/api/clients";
import { info, nodeList } from "@/api/queries";
import { isCancelled } from "@/api/transport";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Progress } from "@/components/Progress";
import { Result } from "@/components/Result";
import { VerdictBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Log } from "@/gen/audit_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { AuditTabs } from "./AuditTabs";
import classes from "./audit.module.css";
import { GlassNotice } from "./GlassNotice";
import { Problems } from "./Problems";
import { nodeOf } from "./problems";

/** All logs: how far each is, who keeps its checkpoints, and what is wrong. */
export function LogsPage() {
  const { t } = useTranslation();
  const logs = useQuery(logList());
  return (
    <Page title={t("audit.logs")} about={t("audit.logsAbout")}>
      <AuditTabs here="logs" />
      <GlassNotice />
      <Result of={logs} what={t("audit.logsFailed")} rows={8}>
        {(all) => (
          <>
            <Problems logs={all} />
            <Verification />
            <Table logs={all} />
          </>
        )}
      </Result>
    </Page>
  );
}

function Verification() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const again = () => void client.invalidateQueries({ queryKey: logList().queryKey });
  // For auditors, who start no jobs: the log of the server that answers, now.
  const own = useMutation({ mutationFn: () => audit.verifyLogs({}), onSettled: again });
  return (
    <Panel title={t("audit.verifyAll")}>
      <Text mb="sm">{t("audit.verifyAllHow")}</Text>
      <Progress
        kind="audit_verify"
        name={t("audit.verifyAll")}
        onEnd={again}
        start={(run, busy) => (
          <div className={classes.fresh}>
            <Button size="xs" leftSection={<IconShieldCheck size={15} aria-hidden />} loading={busy} onClick={run}>
              {t("audit.verifyAll")}
            </Button>
            <Button size="xs" variant="default" loading={own.isPending} onClick={() => own.mutate()}>
              {t("audit.verifyOwn")}
            </Button>
            <Text size="xs" c="dimmed" role="status">
              {own.isSuccess && t("audit.verifyOwnDone")}
            </Text>
          </div>
        )}
      />
      {own.isError && !isCancelled(own.error) && <ErrorPanel error={own.error} what={t("audit.verifyFailed")} />}
    </Panel>
  );
}

/** A log, with the name of the node that it is of. */
interface Row {
  log: Log;
  node: string | undefined;
  kind: "server" | "replica" | "node";
}

function Table({ logs }: { logs: readonly Log[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/audit/logs" });
  const own = useQuery(info()).data?.auditOrigin;
  const nodes = useQuery(nodeList("")).data?.rows;
  const rows = useMemo((): Row[] => {
    const names = new Map((nodes ?? []).map((n) => [n.id, n.name]));
    return logs.map((log) => {
      const node = nodeOf(log.origin);
      if (node !== undefined) return { log, node: names.get(node) ?? node, kind: "node" };
      return { log, node: undefined, kind: log.origin === own ? "server" : "replica" };
    });
  }, [logs, nodes, own]);
  const columns = useMemo(
    (): Column<Row>[] => [
      {
        id: "log",
        header: t("audit.log"),
        value: (r) => plain(r.log.origin),
        cell: (r) => (
          <PageLink to="/audit/log/$" params={{ _splat: r.log.origin }} title={plain(r.log.origin)}>
            {plain(r.log.origin)}
          </PageLink>
        ),
        min: 390,
        grow: 2,
      },
      {
        id: "of",
        header: t("audit.kindOf"),
        value: (r) => r.kind,
        cell: (r) => <span title={plain(r.node ?? "")}>{r.kind === "node" ? plain(r.node ?? "") : t(`audit.kind.${r.kind}`)}</span>,
        word: (v) => t(`audit.kind.${v as "node"}`),
        order: ["server", "replica", "node"],
        few: true,
        min: 110,
        grow: 0.6,
      },
      {
        id: "state",
        header: t("audit.state.name"),
        value: (r) => (r.log.problems.length > 0 ? "bad" : r.log.checkpoint === "" ? "unproved" : "good"),
        cell: (r) =>
          r.log.problems.length > 0 ? (
            <VerdictBadge result="bad" />
          ) : (
            <span>{t(r.log.checkpoint === "" ? "audit.silent" : "audit.sound")}</span>
          ),
        word: (v) => (v === "bad" ? t("common.verdict.bad") : t(v === "good" ? "audit.sound" : "audit.silent")),
        order: ["bad", "unproved", "good"],
        few: true,
        min: 130,
      },
      {
        id: "size",
        header: t("audit.size"),
        value: (r) => Number(r.log.size),
        cell: (r) => <span>{Number(r.log.size).toLocaleString()}</span>,
        numeric: true,
        min: 85,
        grow: 0.5,
      },
      {
        id: "checkpoint",
        header: t("audit.checkpointShort"),
        ...moment((r: Row) => r.log.time),
        min: 115,
        grow: 0.7,
      },
      {
        id: "verified",
        header: t("audit.verifiedShort"),
        value: (r) => dateOf(r.log.verified),
        cell: (r) => (r.kind === "node" ? <span title={t("audit.byItself")}>–</span> : <Time at={r.log.verified} />),
        min: 115,
        grow: 0.7,
      },
      {
        id: "keepers",
        header: t("audit.keepersShort"),
        value: (r) => r.log.keepers.map((k) => k.origin).join(", "),
        cell: (r) => {
          const all = r.log.keepers.map((k) => plain(k.origin)).join(", ");
          return <span title={all}>{all || "–"}</span>;
        },
        min: 130,
      },
    ],
    [t],
  );
  return (
    <DataTable
      id="audit-logs"
      label={t("audit.logs")}
      rows={rows}
      columns={columns}
      rowKey={(r) => r.log.origin}
      open={(r) => void navigate({ to: "/audit/log/$", params: { _splat: r.log.origin } })}
      search={search}
      onSearch={(next) => void replace({ to: "/audit/logs", search: (old) => ({ tenant: old.tenant, ...next }) })}
      height="28rem"
      empty={
        <Panel title={t("audit.logs")}>
          <Empty title={t("audit.noLogs")} how={t("audit.noLogsHow")} />
        </Panel>
      }
    />
  );
}
