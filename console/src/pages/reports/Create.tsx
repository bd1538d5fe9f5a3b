import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Button, Group, MultiSelect, NativeSelect, SimpleGrid, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { reports } from "@/api/clients";
import { type ReportDraft, reportPreview } from "@/api/proofs";
import { catalogue, nodeList } from "@/api/queries";
import { isCancelled } from "@/api/transport";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { ReportPreview } from "@/gen/report_pb";
import { plain } from "@/lib/plain";
import { zoneName } from "@/lib/time";
import { useWords } from "@/lib/words";
import { useTenant } from "@/shell/scope";

const moment = (local: string) => (local === "" ? undefined : timestampFromDate(new Date(local)));

const mostChoices = 500;

/** Says what a report is about, shows what that covers, and has it made. */
export function Create() {
  const { t } = useTranslation();
  const words = useWords();
  const tenant = useTenant();
  const navigate = useNavigate();
  const client = useQueryClient();
  const all = useQuery(nodeList(tenant));
  const known = useQuery(catalogue());
  const [title, setTitle] = useState("");
  const [nodes, setNodes] = useState<string[]>([]);
  const [pool, setPool] = useState("");
  const [label, setLabel] = useState("");
  const [requirements, setRequirements] = useState<string[]>([]);
  const [asOf, setAsOf] = useState("");
  const [since, setSince] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const draft = useMemo((): ReportDraft => {
    const at = label.indexOf("=");
    const labels: Record<string, string> = at > 0 ? { [label.slice(0, at)]: label.slice(at + 1) } : {};
    return { title, scope: { tenant, nodes, pool, labels, requirements }, asOf: moment(asOf), since: moment(since) };
  }, [title, tenant, nodes, pool, label, requirements, asOf, since]);
  const late = useDeferredValue(draft);
  const preview = useQuery(reportPreview({ ...late, title: "" }));
  const members = all.data?.rows ?? [];
  const pools = [...new Set(members.map((n) => n.pool.split("/").pop() ?? ""))].filter((p) => p !== "").sort();
  const clauses = [
    ...(known.data?.sections ?? []).map((s) => ({ value: s.id, label: `${s.id} ${words(s.title?.en, s.title?.zh)}` })),
    ...(known.data?.requirements ?? []).map((r) => ({ value: r.id, label: `${r.id} ${words(r.title?.en, r.title?.zh)}` })),
  ];
  const make = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const made = await reports.createReport(draft);
      await client.invalidateQueries({ queryKey: ["Report"] });
      await navigate({ to: "/reports/$id", params: { id: made.id } });
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title={t("reports.new")}>
      <form onSubmit={(e) => void make(e)}>
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
          <TextInput
            label={t("reports.name")}
            description={t("reports.nameHow")}
            value={title}
            onChange={(e) => setTitle(e.currentTarget.value)}
            maxLength={200}
          />
          <TextInput
            type="datetime-local"
            label={t("reports.asOf", { zone: zoneName() })}
            description={t("reports.asOfHow")}
            value={asOf}
            onChange={(e) => setAsOf(e.currentTarget.value)}
          />
          <TextInput
            type="datetime-local"
            label={t("reports.since", { zone: zoneName() })}
            description={t("reports.sinceHow")}
            value={since}
            onChange={(e) => setSince(e.currentTarget.value)}
          />
          <MultiSelect
            label={t("reports.nodes")}
            description={t("reports.nodesHow")}
            data={members.map((n) => ({ value: n.id, label: plain(n.name) }))}
            limit={mostChoices}
            value={nodes}
            onChange={setNodes}
            searchable
            hidePickedOptions
          />
          <NativeSelect
            label={t("reports.pool")}
            description={t("reports.poolHow")}
            value={pool}
            onChange={(e) => setPool(e.currentTarget.value)}
            data={[{ value: "", label: t("reports.everyPool") }, ...pools.map((p) => ({ value: p, label: p }))]}
          />
          <TextInput
            label={t("reports.label")}
            description={t("reports.labelHow")}
            value={label}
            onChange={(e) => setLabel(e.currentTarget.value)}
            maxLength={401}
          />
          <MultiSelect
            label={t("reports.requirements")}
            description={t("reports.requirementsHow")}
            data={clauses}
            value={requirements}
            onChange={setRequirements}
            searchable
            hidePickedOptions
            style={{ gridColumn: "1 / -1" }}
          />
        </SimpleGrid>
        <Text fw={600} size="sm" mt="md">
          {t("reports.preview")}
        </Text>
        <Result of={preview} what={t("reports.previewFailed")} rows={1}>
          {(p) => <Covers p={p} />}
        </Result>
        {error !== undefined && <ErrorPanel error={error} what={t("reports.makeFailed")} />}
        <Group mt="md">
          <Button type="submit" loading={busy}>
            {t("reports.make")}
          </Button>
        </Group>
      </form>
    </Panel>
  );
}

function Covers({ p }: { p: ReportPreview }) {
  const { t } = useTranslation();
  const words = useWords();
  const names = p.names.slice(0, 12).map(plain).join(", ");
  return (
    <div role="status">
      <Text>
        {t("reports.covers", {
          nodes: t("reports.nodesCount", { count: p.nodes }),
          requirements: t("reports.requirementsCount", { count: p.requirements }),
        })}
        {names !== "" && ` (${names}${p.nodes + p.unassessed > 12 ? ` ${t("reports.and")}` : ""})`}
      </Text>
      {p.unassessed > 0 && <Text size="sm">{t("reports.unassessed", { count: p.unassessed })}</Text>}
      {p.notes.map((n) => (
        <Text key={n.en} size="sm" c="dimmed">
          {words(n.en, n.zh)}
        </Text>
      ))}
    </div>
  );
}
