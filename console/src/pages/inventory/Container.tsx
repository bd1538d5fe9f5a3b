import { Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { TFunction } from "i18next";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { container } from "@/api/inventory";
import { CallsButton } from "@/components/CallsButton";
import { LongTable } from "@/components/LongTable";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SmallTable } from "@/components/SmallTable";
import { ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Container, ContainerDetails } from "@/gen/inventory_pb";
import { bytes } from "@/lib/bytes";
import { plain } from "@/lib/plain";
import layout from "../requirements/Requirement.module.css";
import { type Workload, workloadOf } from "./fact";
import classes from "./Inventory.module.css";
import { ContainerTable, FactPanel, FindingsAbout, History, Lines, Many, NodeLink, StateMark, shortId } from "./parts";
import { isRisk, toneOfRisk } from "./risks";

/** One container: what it is, what it may do, what is wrong with it, what belongs to it, and what was before. */
export function ContainerPage() {
  const { t } = useTranslation();
  const { node, id } = useParams({ from: "/containers/$node/$id" });
  const one = useQuery(container(node, id));
  return (
    <Result of={one} what={t("inventory.containers.oneFailed")} rows={8} page>
      {(d) => d.container !== undefined && <One c={d.container} d={d} />}
    </Result>
  );
}

function One({ c, d }: { c: Container; d: ContainerDetails }) {
  const { t } = useTranslation();
  const w = workloadOf(d.fact);
  const known = d.fact !== undefined;
  return (
    <Page
      title={plain(c.name)}
      badge={<StateMark c={c} />}
      actions={<CallsButton of={{ type: "Container", object: c.id }}>{t("inventory.calls")}</CallsButton>}
      about={
        <>
          {t("inventory.containers.on")} <NodeLink of={c} underline />
        </>
      }
    >
      <div className={layout.columns}>
        <Stack gap="md" miw={0}>
          <Powers c={c} w={w} known={known} />
          <FindingsAbout node={c.node} subject={c.name} />
          {w.mounts.length > 0 && <Mounts w={w} />}
          {w.processes.length > 0 && <Processes w={w} />}
          <FactPanel fact={d.fact} received={d.received} gone={c.gone !== undefined} />
        </Stack>
        <Stack gap="md" miw={0}>
          <Identity c={c} d={d} w={w} />
          <Networking c={c} d={d} />
          {known && <Limits c={c} w={w} />}
          <History of={c} />
          {d.former.length > 0 && <ContainerTable title={t("inventory.former")} of={d.former} none="" column="image" />}
        </Stack>
      </div>
    </Page>
  );
}

/** What it may do, in plain words: what is dangerous first, then what holds it. */
function Powers({ c, w, known }: { c: Container; w: Workload; known: boolean }) {
  const { t } = useTranslation();
  const risks = c.risks.filter(isRisk);
  const held: string[] = [];
  if (known) {
    if (w.readOnlyRoot) held.push(t("inventory.held.readOnly"));
    if (w.noNewPrivileges) held.push(t("inventory.held.noNewPrivileges"));
    if (w.capDrop.length > 0) held.push(t("inventory.held.dropped", { list: plain(w.capDrop.join(", ")) }));
    if (w.seccomp !== "" && w.seccomp !== "unconfined") held.push(t("inventory.held.seccomp", { profile: plain(w.seccomp) }));
    if (w.apparmor !== "" && w.apparmor !== "unconfined") held.push(t("inventory.held.apparmor", { profile: plain(w.apparmor) }));
  }
  const more: Partial<Record<string, string>> = { capabilities: w.capAdd.join(", "), devices: w.devices.join(", "), root: c.user };
  return (
    <Panel title={t("inventory.powers")}>
      <ul className={classes.means}>
        {risks.map((r) => (
          <li key={r}>
            <ToneIcon tone={toneOfRisk(r)} />
            <span className={classes.wrap}>
              <strong>{t(`inventory.risk.${r}`)}</strong> – {t(`inventory.riskMeans.${r}`)}
              {more[r] ? (
                <>
                  {" "}
                  <code>{plain(more[r])}</code>
                </>
              ) : null}
            </span>
          </li>
        ))}
        {risks.length === 0 && (
          <li>
            <ToneIcon tone="good" />
            <span>{t("inventory.noRiskLong")}</span>
          </li>
        )}
        {held.map((text) => (
          <li key={text}>
            <ToneIcon tone="good" />
            <span className={classes.wrap}>{text}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Mounts({ w }: { w: Workload }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("inventory.mounts")} flush>
      <SmallTable
        label={t("inventory.mounts")}
        miw={520}
        head={[t("inventory.mountTarget"), t("inventory.mountSource"), { name: t("inventory.mountMeans"), w: 220 }]}
      >
        {w.mounts.map((m, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a node can say the same twice
          <Table.Tr key={i}>
            <Table.Td className={classes.wrap}>
              <code>{plain(m.target)}</code>
            </Table.Td>
            <Table.Td className={classes.wrap}>
              <code>{plain(m.source)}</code>
            </Table.Td>
            <Table.Td className={classes.wrap}>
              {m.socket && `${t("inventory.mount.socket")} · `}
              {mountType(t, m.type)} · {t(m.readOnly ? "inventory.mount.readOnly" : "inventory.mount.writable")}
            </Table.Td>
          </Table.Tr>
        ))}
      </SmallTable>
    </Panel>
  );
}

function mountType(t: TFunction, type: string): string {
  const known = (["bind", "volume", "tmpfs", "hostPath"] as const).find((k) => k === type);
  return known === undefined ? plain(type) : t(`inventory.mount.${known}`);
}

function Processes({ w }: { w: Workload }) {
  const { t } = useTranslation();
  return (
    <Panel
      title={t("inventory.processes")}
      flush
      aside={<Many text={t("inventory.processCount", { count: w.processes.length })} />}
    >
      <LongTable
        label={t("inventory.processes")}
        head={[{ name: t("inventory.user"), w: 120 }, t("inventory.command")]}
        rows={w.processes}
      >
        {(p) => (
          <>
            <Table.Td className={classes.wrap}>{plain(p.user)}</Table.Td>
            <Table.Td className={classes.wrap}>
              <code>{plain(p.command)}</code>
            </Table.Td>
          </>
        )}
      </LongTable>
    </Panel>
  );
}

function Identity({ c, d, w }: { c: Container; d: ContainerDetails; w: Workload }) {
  const { t } = useTranslation();
  const of: [string, ReactNode][] = [
    [
      t("inventory.image"),
      d.image === undefined ? (
        <code key="i">{plain(c.image)}</code>
      ) : (
        <PageLink key="i" to="/images/$node/$id" params={{ node: d.image.node, id: d.image.id }}>
          {plain(c.image)}
        </PageLink>
      ),
    ],
    [t("inventory.imageId"), <code key="ii">{shortId(c.imageId)}</code>],
  ];
  if (c.imageDigest !== "") of.push([t("inventory.digest"), <code key="d">{plain(c.imageDigest)}</code>]);
  if (w.command !== "") of.push([t("inventory.command"), <code key="c">{plain(w.command)}</code>]);
  if (c.user !== "") of.push([t("inventory.user"), plain(c.user)]);
  if (c.orchestrator !== "") of.push([t("inventory.orchestrator"), plain(c.orchestrator)]);
  if (c.started !== undefined) of.push([t("inventory.started"), <Time key="s" at={c.started} full />]);
  of.push([t("inventory.restarts"), String(c.restarts)]);
  if (w.changes > 0) of.push([t("inventory.changes"), String(w.changes)]);
  of.push([t("inventory.id"), <code key="id">{plain(c.id)}</code>]);
  return (
    <Panel title={t("inventory.identity")}>
      <Facts of={of} />
    </Panel>
  );
}

function Networking({ c, d }: { c: Container; d: ContainerDetails }) {
  const { t } = useTranslation();
  const known = new Map(d.networks.map((n) => [n.name, n]));
  return (
    <Panel title={t("inventory.connected")}>
      <Facts
        of={[
          [
            t("inventory.networks"),
            c.networks.length === 0
              ? t("table.none")
              : c.networks.map((name, i) => {
                  const n = known.get(name);
                  return (
                    <Fragment key={name}>
                      {i > 0 && ", "}
                      {n === undefined ? (
                        plain(name)
                      ) : (
                        <PageLink to="/networks/$node/$id" params={{ node: n.node, id: n.id }}>
                          {plain(name)}
                        </PageLink>
                      )}
                    </Fragment>
                  );
                }),
          ],
          [t("inventory.addresses"), <Lines key="a" of={c.addresses} />],
          [t("inventory.ports"), <Lines key="p" of={c.ports} />],
        ]}
      />
    </Panel>
  );
}

function Limits({ c, w }: { c: Container; w: Workload }) {
  const { t, i18n } = useTranslation();
  const none = (
    <Text span c="dimmed">
      {t("inventory.noLimit")}
    </Text>
  );
  return (
    <Panel title={t("inventory.limits")}>
      <Facts
        of={[
          [t("inventory.memory"), c.memory > 0n ? bytes(c.memory, i18n.language) : none],
          [t("inventory.cpus"), w.cpus > 0 ? w.cpus.toLocaleString(i18n.language) : none],
          [t("inventory.pids"), w.pids > 0 ? w.pids.toLocaleString(i18n.language) : none],
          [t("inventory.restart"), w.restart === "" ? t("table.none") : plain(w.restart)],
        ]}
      />
    </Panel>
  );
}
