import { Autocomplete, Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ages, usual } from "@/lib/ages";
import { local, timeOf, zoneName } from "@/lib/time";
import { FilterSelect } from "@/table/filters";
import classes from "./audit.module.css";
import { type AuditSearch, fields, isAge, outcomes } from "./filter";
import { actions, objectTypes, useActionWords } from "./words";

interface Props {
  search: AuditSearch;
  apply: (s: AuditSearch) => void;
  clear: () => void;
  /** What the button says, and its sign. */
  action: string;
  icon: ReactNode;
  busy?: boolean;
}

/** What is looked for. Nothing is asked before somebody says so: each question is recorded. */
export function Filters({ search, apply, clear, action, icon, busy = false }: Props) {
  const { t } = useTranslation();
  const words = useActionWords();
  const [draft, setDraft] = useState<AuditSearch>(search);
  const key = JSON.stringify(search);
  // Where the address changes, the form says what it says.
  useEffect(() => setDraft(JSON.parse(key)), [key]);
  const set = (f: keyof AuditSearch) => (value: string) => setDraft((d) => ({ ...d, [f]: value === "" ? undefined : value }));
  const since = draft.since ?? usual;
  const own = since !== "all" && !isAge(since);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const out: AuditSearch = {};
    for (const f of fields) {
      const value = draft[f]?.trim();
      if (value) out[f] = value;
    }
    if (out.since === usual) delete out.since;
    apply(out);
  };
  const setSince = (value: string) => {
    if (value !== "own") setDraft((d) => ({ ...d, since: value, until: undefined }));
    else setDraft((d) => ({ ...d, since: new Date(Date.now() - 3_600_000).toISOString() }));
  };
  const moment = (f: "since" | "until") => (
    <TextInput
      size="xs"
      type="datetime-local"
      label={t(`audit.${f}`)}
      value={local(timeOf(draft[f]))}
      onChange={(e) => set(f)(e.currentTarget.value === "" ? "" : new Date(e.currentTarget.value).toISOString())}
    />
  );
  return (
    <form onSubmit={submit} className={classes.form} aria-label={t("audit.form")}>
      <NativeSelect
        size="xs"
        label={t("audit.time", { zone: zoneName() })}
        value={own ? "own" : since}
        onChange={(e) => setSince(e.currentTarget.value)}
        data={[
          ...ages.map((a) => ({ value: a, label: t(`audit.age.${a}`) })),
          { value: "all", label: t("audit.age.all") },
          { value: "own", label: t("audit.age.own") },
        ]}
      />
      {own && moment("since")}
      {own && moment("until")}
      <TextInput
        size="xs"
        label={t("audit.actor")}
        value={draft.actor ?? ""}
        onChange={(e) => set("actor")(e.currentTarget.value)}
        maxLength={300}
        spellCheck={false}
        autoComplete="off"
      />
      <Autocomplete
        size="xs"
        label={t("audit.did")}
        data={actions}
        value={draft.action ?? ""}
        onChange={set("action")}
        maxLength={100}
        limit={100}
        spellCheck={false}
        filter={({ options, search: q, limit }) =>
          options
            .filter((o) => "value" in o && `${o.value} ${words(o.value)}`.toLowerCase().includes(q.trim().toLowerCase()))
            .slice(0, limit)
        }
        renderOption={({ option }) => (
          <span>
            {words(option.value)} <code>{option.value}</code>
          </span>
        )}
      />
      <Autocomplete
        size="xs"
        label={t("audit.type")}
        data={objectTypes}
        value={draft.type ?? ""}
        onChange={set("type")}
        maxLength={100}
        spellCheck={false}
      />
      <TextInput
        size="xs"
        label={t("audit.resource")}
        value={draft.resource ?? ""}
        onChange={(e) => set("resource")(e.currentTarget.value)}
        maxLength={300}
        spellCheck={false}
        autoComplete="off"
      />
      <FilterSelect
        label={t("audit.outcome")}
        any={t("audit.any")}
        value={draft.outcome}
        choices={outcomes.map((o) => ({ value: o, label: t(`common.outcome.${o}`) }))}
        set={(o) => set("outcome")(o ?? "")}
      />
      <TextInput
        size="xs"
        className={classes.wide}
        label={t("audit.filter")}
        description={t("audit.filterHow")}
        value={draft.filter ?? ""}
        onChange={(e) => set("filter")(e.currentTarget.value)}
        maxLength={1500}
        spellCheck={false}
        autoComplete="off"
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
      />
      <Group gap="xs" className={classes.wide}>
        <Button type="submit" size="xs" leftSection={icon} disabled={busy}>
          {action}
        </Button>
        <Button variant="default" size="xs" onClick={clear}>
          {t("audit.clear")}
        </Button>
      </Group>
    </form>
  );
}
