import { Autocomplete, List, NativeSelect, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { people, triage } from "@/api/findings";
import { me } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import type { Finding } from "@/gen/fleet_pb";
import { states } from "@/lib/findings";
import { FindingState } from "./State";

type Whose = "keep" | "me" | "other" | "nobody";

/** Kinds of findings with how many there are of each, the most first. */
export function kindsOf(of: readonly Finding[]): [kind: string, count: number][] {
  const counts = new Map<string, number>();
  for (const f of of) counts.set(f.kind, (counts.get(f.kind) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

const shown = 5;

function Preview({ of }: { of: readonly Finding[] }) {
  const { t } = useTranslation();
  const kinds = useMemo(() => kindsOf(of), [of]);
  return (
    <div>
      <Text fw={600}>{t("findings.willChange", { count: of.length, nodes: new Set(of.map((f) => f.node)).size })}</Text>
      <List size="sm" my={4}>
        {kinds.slice(0, shown).map(([kind, count]) => (
          <List.Item key={kind} style={{ overflowWrap: "anywhere" }}>
            {count} × <code>{kind}</code>
          </List.Item>
        ))}
        {kinds.length > shown && <List.Item>{t("findings.moreKinds", { count: kinds.length - shown })}</List.Item>}
      </List>
      <Text c="dimmed">{t("findings.noStatus")}</Text>
    </div>
  );
}

/** What is made of findings: how they stand, who sees to them, and a comment. It is mounted anew each time. */
export function TriageDialog({ of, onClose, done }: { of: readonly Finding[]; onClose: () => void; done?: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const caller = useQuery(me()).data;
  const tenants = new Set(of.map((f) => f.tenant));
  const tenant = tenants.size === 1 ? (of[0]?.tenant ?? "") : "";
  const known = useQuery({ ...people(tenant), enabled: tenant !== "" }).data ?? [];
  const [state, setState] = useState("");
  const [whose, setWhose] = useState<Whose>("keep");
  const [name, setName] = useState("");
  const [comment, setComment] = useState("");
  // An account of another tenant than the finding's can see to it only where it is one's own.
  const owner = () => {
    if (whose === "me") return { user: caller?.id ?? "", name: "" };
    if (whose === "nobody") return { user: "", name: "" };
    const user = known.find((u) => u.name === name.trim());
    return user === undefined ? { user: "", name: name.trim() } : { user: user.id, name: "" };
  };
  const nothing = state === "" && whose === "keep" && comment.trim() === "";
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("findings.triageTitle")}
      action={t("findings.triageOf", { count: of.length })}
      what={t("findings.triageFailed")}
      disabled={nothing || (whose === "other" && name.trim() === "")}
      work={async () => {
        try {
          await triage(of, { state, comment, ...(whose === "keep" ? {} : { owner: owner() }) });
        } finally {
          // Also where somebody else was faster: then it has to be looked at again.
          await client.invalidateQueries({ queryKey: ["Finding"] });
        }
        notifications.show({ message: t("findings.triaged", { count: of.length }) });
        done?.();
      }}
      preview={
        <Stack gap="sm">
          <Preview of={of} />
          <NativeSelect
            label={t("findings.stateLabel")}
            description={state === "" ? undefined : t(`findings.stateHow.${state as "open"}`)}
            value={state}
            onChange={(e) => setState(e.currentTarget.value)}
            data={[{ value: "", label: t("findings.keep") }, ...states.map((s) => ({ value: s, label: t(`findings.state.${s}`) }))]}
          />
          <NativeSelect
            label={t("findings.owner")}
            value={whose}
            onChange={(e) => setWhose(e.currentTarget.value as Whose)}
            data={(["keep", "me", "other", "nobody"] as const).map((w) => ({
              value: w,
              label: w === "keep" ? t("findings.keep") : t(`findings.whose.${w}`, { name: caller?.name ?? "" }),
            }))}
          />
          {whose === "other" && (
            <Autocomplete
              label={t("findings.ownerName")}
              description={t("findings.ownerHow")}
              value={name}
              onChange={setName}
              data={[...new Set(known.map((u) => u.name))]}
              maxLength={200}
              limit={20}
              required
            />
          )}
          <Textarea
            label={t("findings.comment")}
            value={comment}
            onChange={(e) => setComment(e.currentTarget.value)}
            maxLength={2000}
            autosize
            minRows={2}
            maxRows={8}
          />
        </Stack>
      }
    />
  );
}

/** State and owner in a line, for lists. */
export function Triaged({ f }: { f: Finding }) {
  const { t } = useTranslation();
  return (
    <>
      <FindingState state={f.state} /> {f.owner === undefined ? t("findings.noOwner") : f.owner.name}
    </>
  );
}
