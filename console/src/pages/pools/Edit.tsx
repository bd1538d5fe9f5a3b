import { Button, Checkbox, Group, NumberInput, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { pools } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import type { Pool } from "@/gen/fleet_pb";
import { durationOf, spanOf } from "@/lib/span";
import { zoneName } from "@/lib/time";
import { assessOf, formOf, isRight, mostWindows, type PoolForm, pathsOf, stepsOf, type WindowForm, wrongOf } from "./form";
import classes from "./Pools.module.css";

function poolOf(p: Pool, f: PoolForm) {
  return {
    id: p.id,
    tenant: p.tenant,
    name: p.name,
    version: p.version,
    description: f.description,
    settings: { collectEvery: durationOf(spanOf(f.collect) ?? 0), assess: assessOf(f.assess) },
    plan: {
      steps: stepsOf(f.steps) ?? [],
      soak: durationOf(spanOf(f.soak) ?? 0),
      mostFindings: Number(f.findings),
      mostFailures: Number(f.failures),
      rollBack: f.back,
    },
    windows: f.windows.map((w) => ({ begins: w.begins.trim(), lasts: durationOf(spanOf(w.lasts) ?? 0), zone: w.zone.trim() })),
  };
}

/** Changes a pool; what that means for its nodes is said first. */
export function EditPool({ p, onClose }: { p: Pool; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [before] = useState(() => formOf(p));
  const [f, setForm] = useState(before);
  const set = (next: Partial<PoolForm>) => setForm({ ...f, ...next });
  const wrong = wrongOf(f);
  const paths = pathsOf(before, f);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("pools.changeTitle", { name: p.name })}
      action={t("directory.save")}
      what={t("directory.nothingChanged")}
      disabled={paths.length === 0 || !isRight(wrong)}
      work={async () => {
        await pools.updatePool({ pool: poolOf(p, f), updateMask: { paths } });
        await Promise.all(["Pool", "Rollout"].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
      }}
      preview={
        <Stack gap="md">
          <TextInput
            label={t("pools.description")}
            value={f.description}
            onChange={(e) => set({ description: e.currentTarget.value })}
            maxLength={500}
            data-autofocus
          />
          <SettingsFields f={f} set={set} wrong={wrong} />
          <PlanFields f={f} set={set} wrong={wrong} />
          <Windows list={f.windows} set={(windows) => set({ windows })} wrong={wrong.windows} />
          <div role="status">
            <Text fw={600}>{t("pools.willChange")}</Text>
            <Text c={paths.length === 0 ? "dimmed" : undefined}>
              {paths.length === 0
                ? t("directory.noChange")
                : paths.includes("settings")
                  ? t("pools.rollsOut", { count: p.nodes, first: (stepsOf(f.steps) ?? [])[0] ?? 100 })
                  : t("pools.noRollout")}
            </Text>
          </div>
        </Stack>
      }
    />
  );
}

interface Fields {
  f: PoolForm;
  set: (next: Partial<PoolForm>) => void;
  wrong: ReturnType<typeof wrongOf>;
}

function SettingsFields({ f, set, wrong }: Fields) {
  const { t } = useTranslation();
  return (
    <fieldset className={classes.set}>
      <legend>{t("pools.settings")}</legend>
      <Stack gap="sm">
        <TextInput
          label={t("pools.collect")}
          description={t("pools.collectHow")}
          error={wrong.collect && t("pools.collectWrong")}
          value={f.collect}
          onChange={(e) => set({ collect: e.currentTarget.value })}
          placeholder="30s"
          maxLength={20}
        />
        <Textarea
          label={t("pools.assess")}
          description={t("pools.assessHow")}
          error={wrong.assess && t("pools.assessWrong")}
          value={f.assess}
          onChange={(e) => set({ assess: e.currentTarget.value })}
          classNames={{ input: classes.code }}
          autosize
          minRows={2}
          maxRows={12}
          maxLength={65536}
          spellCheck={false}
        />
      </Stack>
    </fieldset>
  );
}

function PlanFields({ f, set, wrong }: Fields) {
  const { t } = useTranslation();
  return (
    <fieldset className={classes.set}>
      <legend>{t("pools.plan")}</legend>
      <div className={classes.fields}>
        <TextInput
          label={t("pools.steps")}
          description={t("pools.stepsHow")}
          error={wrong.steps && t("pools.stepsWrong")}
          value={f.steps}
          onChange={(e) => set({ steps: e.currentTarget.value })}
          placeholder="5, 25, 100"
          maxLength={100}
        />
        <TextInput
          label={t("pools.soak")}
          description={t("pools.soakHow")}
          error={wrong.soak && t("pools.soakWrong")}
          value={f.soak}
          onChange={(e) => set({ soak: e.currentTarget.value })}
          placeholder="30m"
          maxLength={20}
        />
        <NumberInput
          label={t("pools.mostFindings")}
          description={t("pools.mostFindingsHow")}
          error={wrong.findings && t("pools.percentWrong", { most: 1000 })}
          value={f.findings}
          onChange={(findings) => set({ findings })}
          allowDecimal={false}
          hideControls
        />
        <NumberInput
          label={t("pools.mostFailures")}
          description={t("pools.mostFailuresHow")}
          error={wrong.failures && t("pools.percentWrong", { most: 100 })}
          value={f.failures}
          onChange={(failures) => set({ failures })}
          allowDecimal={false}
          hideControls
        />
      </div>
      <Checkbox mt="sm" label={t("pools.back")} checked={f.back} onChange={(e) => set({ back: e.currentTarget.checked })} />
    </fieldset>
  );
}

function Windows(p: { list: WindowForm[]; set: (list: WindowForm[]) => void; wrong: Map<number, "begins" | "lasts"> }) {
  const { t } = useTranslation();
  const change = (key: number, next: Partial<WindowForm>) => p.set(p.list.map((w) => (w.key === key ? { ...w, ...next } : w)));
  const add = () => {
    const key = Math.max(0, ...p.list.map((w) => w.key)) + 1;
    p.set([...p.list, { key, begins: "0 2 * * 6", lasts: "4h", zone: zoneName() }]);
  };
  return (
    <fieldset className={classes.set}>
      <legend>{t("pools.windows")}</legend>
      <Text c="dimmed" mb="xs">
        {t("pools.windowsHow")}
      </Text>
      {p.list.map((w, i) => (
        // biome-ignore lint/a11y/useSemanticElements: it stands in a fieldset, and is a grid
        <div key={w.key} className={classes.window} role="group" aria-label={t("pools.windowNo", { no: i + 1 })}>
          <TextInput
            label={t("pools.begins")}
            error={p.wrong.get(w.key) === "begins" && t("pools.beginsWrong")}
            value={w.begins}
            onChange={(e) => change(w.key, { begins: e.currentTarget.value })}
            maxLength={100}
            spellCheck={false}
          />
          <TextInput
            label={t("pools.lasts")}
            error={p.wrong.get(w.key) === "lasts" && t("pools.lastsWrong")}
            value={w.lasts}
            onChange={(e) => change(w.key, { lasts: e.currentTarget.value })}
            maxLength={20}
            spellCheck={false}
          />
          <TextInput
            label={t("pools.zone")}
            value={w.zone}
            onChange={(e) => change(w.key, { zone: e.currentTarget.value })}
            placeholder="UTC"
            maxLength={64}
            spellCheck={false}
          />
          <Button
            variant="default"
            className={classes.drop}
            onClick={() => p.set(p.list.filter((x) => x.key !== w.key))}
            aria-label={t("pools.removeWindow", { no: i + 1 })}
            px="xs"
          >
            <IconTrash size={16} aria-hidden />
          </Button>
        </div>
      ))}
      <Group mt="xs">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={add}
          disabled={p.list.length >= mostWindows}
        >
          {t("pools.addWindow")}
        </Button>
      </Group>
    </fieldset>
  );
}
