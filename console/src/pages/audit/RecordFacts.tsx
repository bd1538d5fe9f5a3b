import { Button, Table, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { AuditLink } from "@/components/AuditLink";
import { CopyCommand } from "@/components/CopyCommand";
import { JsonTree } from "@/components/JsonTree";
import { PageLink } from "@/components/links";
import { Facts, Panel } from "@/components/Page";
import { ScrollTable } from "@/components/ScrollTable";
import { plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import type { Entry } from "@/proof/agree";
import { text } from "@/proof/bytes";
import { useActionWords } from "./words";

/** What an entry says, for people; and the entry itself. */
export function RecordFacts({ entry, bytes, id }: { entry: Entry | undefined; bytes: Uint8Array; id: string }) {
  return (
    <>
      {entry !== undefined && (
        <>
          <Who entry={entry} />
          <What entry={entry} />
          <Decided entry={entry} id={id} />
          <Changes entry={entry} />
        </>
      )}
      <Raw bytes={bytes} />
    </>
  );
}

const said = (v: string | undefined) => (v === undefined || v === "" ? "–" : plain(v));
const ways = ["pwd", "otp", "hwk", "swk", "user", "mfa", "fed", "rc"] as const;

function Who({ entry }: { entry: Entry }) {
  const { t } = useTranslation();
  const user = entry.actor?.user;
  const nobody = user?.type === "Anonymous";
  const amr = entry.unmapped?.amr ?? [];
  const way = (a: string) => {
    const known = ways.find((w) => w === a);
    return known === undefined ? plain(a) : t(`audit.way.${known}`);
  };
  const facts: [string, ReactNode][] = [
    [t("audit.name"), nobody ? t("audit.nobody") : said(user?.name)],
    [t("audit.id"), nobody ? "–" : <code key="i">{said(user?.uid)}</code>],
    [t("audit.tenant"), said(entry.metadata?.tenant_uid)],
    [t("audit.from"), said(entry.src_endpoint?.ip)],
    [t("audit.shownBy"), amr.length === 0 ? "–" : amr.map(way).join(", ")],
    [t("audit.credential"), <code key="c">{said(entry.actor?.session?.uid)}</code>],
  ];
  return (
    <Panel
      title={t("audit.who")}
      aside={!nobody && user?.uid ? <AuditLink of={{ actor: user.uid }}>{t("audit.link.actor")}</AuditLink> : undefined}
    >
      <Facts of={facts} />
      <Text size="xs" c="dimmed" mt="sm">
        {t("audit.agent")}
      </Text>
      <Text style={{ overflowWrap: "anywhere" }}>{said(entry.http_request?.user_agent)}</Text>
    </Panel>
  );
}

function What({ entry }: { entry: Entry }) {
  const { t } = useTranslation();
  const words = useActionWords();
  const of = entry.resources?.[0];
  const action = entry.metadata?.event_code ?? "";
  return (
    <Panel
      title={t("audit.what")}
      aside={
        of?.uid && of.type ? <AuditLink of={{ type: of.type, resource: of.uid }}>{t("audit.link.object")}</AuditLink> : undefined
      }
    >
      <Facts
        of={[
          [t("audit.did"), `${words(action)} (${plain(action)})`],
          [t("audit.type"), said(of?.type)],
          [t("audit.resource"), <ObjectOf key="o" type={of?.type} id={of?.uid} />],
          [t("audit.why"), said(entry.status_detail)],
          [t("audit.of"), <code key="f">{said(entry.metadata?.correlation_uid)}</code>],
          [t("audit.body"), <code key="b">{said(entry.unmapped?.digest)}</code>],
        ]}
      />
    </Panel>
  );
}

/** Objects that have a page are links to it. */
function ObjectOf({ type, id }: { type: string | undefined; id: string | undefined }) {
  if (id === undefined || id === "") return <>–</>;
  if (type === "Node") {
    return (
      <PageLink to="/nodes/$id" params={{ id }}>
        {plain(id)}
      </PageLink>
    );
  }
  if (type === "Record") {
    return (
      <PageLink to="/audit/records/$" params={{ _splat: id }}>
        {plain(id)}
      </PageLink>
    );
  }
  return <code>{plain(id)}</code>;
}

function Decided({ entry, id }: { entry: Entry; id: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState("");
  const policies = (entry.actor?.authorizations ?? []).map((a) => a.policy?.uid ?? "").filter((p) => p !== "");
  const sets = Object.entries(entry.unmapped?.policy_sets ?? {});
  const request = entry.unmapped?.request;
  if (policies.length === 0 && request === undefined) return null;
  return (
    <Panel title={t("audit.decided")}>
      <Facts
        of={[
          [t("audit.policies"), policies.length === 0 ? t("audit.noPolicy") : plain(policies.join(", "))],
          [t("audit.version"), <code key="v">{said(entry.unmapped?.policy_version)}</code>],
          [t("audit.sets"), sets.length === 0 ? "–" : plain(sets.map(([tenant, v]) => `${tenant} ${v}`).join(", "))],
        ]}
      />
      {request !== undefined && (
        <>
          <Text size="xs" c="dimmed" mt="sm">
            {t("audit.request")}
          </Text>
          <JsonTree value={request} open={open} onOpen={setOpen} />
        </>
      )}
      {entry.unmapped?.request_digest !== undefined && <Text mt="sm">{t("audit.tooBig")}</Text>}
      <Text size="xs" c="dimmed" mt="sm" mb="xs">
        {t("audit.explain")}
      </Text>
      <CopyCommand text={command`bulkhead policy explain --record ${id}`} label={t("audit.explain")} />
    </Panel>
  );
}

function Changes({ entry }: { entry: Entry }) {
  const { t } = useTranslation();
  const changes = Object.entries(entry.unmapped?.changes ?? {});
  if (changes.length === 0) return null;
  return (
    <Panel title={t("audit.changes")} flush>
      <ScrollTable label={t("audit.changes")}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={180}>{t("audit.field")}</Table.Th>
              <Table.Th>{t("audit.to")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {changes.map(([field, value]) => (
              <Table.Tr key={field}>
                <Table.Td style={{ overflowWrap: "anywhere" }}>
                  <code>{plain(field)}</code>
                </Table.Td>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{plain(String(value))}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
    </Panel>
  );
}

function Raw({ bytes }: { bytes: Uint8Array }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState("");
  const [whole, setWhole] = useState(false);
  const raw = text(bytes) ?? "";
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    value = undefined;
  }
  return (
    <Panel
      title={t("audit.raw")}
      aside={
        value !== undefined && (
          <Button size="compact-xs" variant="default" onClick={() => setWhole(!whole)} aria-pressed={whole}>
            {t("audit.bytes")}
          </Button>
        )
      }
    >
      {value === undefined || whole ? (
        <CopyCommand text={raw} shown={plain(raw)} label={t("audit.raw")} />
      ) : (
        <JsonTree value={value} open={open} onOpen={setOpen} />
      )}
    </Panel>
  );
}
