import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { policySet, preview } from "@/api/policies";
import { Confirm } from "@/components/Confirm";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Difference } from "@/editor/Difference";
import { Editor, type Place } from "@/editor/Editor";
import type { PolicyPreview, PolicySet } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";
import { Checks, Effect, sound } from "./Check";
import { type Draft, filesOf, useDraft, useLate } from "./draft";
import { AddFile, RemoveFile } from "./FileDialogs";
import classes from "./Policies.module.css";
import { lineOfTest } from "./places";
import { Send } from "./Send";
import { usePolicyTenant } from "./tenant";

/** Where a tenant's policies are written, checked as one types, and put into force or proposed. */
export function EditPolicies() {
  const { t } = useTranslation();
  const tenant = usePolicyTenant();
  const set = useQuery(policySet(tenant));
  return (
    <Result of={set} what={t("policies.failed")} rows={10} page>
      {(s) => <Desk key={tenant} tenant={tenant} set={s} />}
    </Result>
  );
}

interface Spot {
  line: number;
  visit: number;
}

function Desk({ tenant, set }: { tenant: string; set: PolicySet }) {
  const { t } = useTranslation();
  const { draft, put, discard, changed, stale, room } = useDraft(tenant, set);
  const [chosen, setChosen] = useState("");
  const [spot, setSpot] = useState<Spot>({ line: 0, visit: 0 });
  const [dialog, setDialog] = useState<"add" | "remove" | "discard" | "apply" | "propose">();
  const file = draft.files.find((f) => f.name === chosen) ?? draft.files[0];
  const close = () => setDialog(undefined);

  const late = useLate(draft.files, 600);
  const check = useQuery(preview(tenant, late, 0));
  const settled = late === draft.files && !check.isFetching && !check.isPlaceholderData;
  const found = check.data;
  const quiet = useLate(late, 900) === late;
  const effect = useQuery(preview(tenant, late, 7, changed && settled && quiet && found !== undefined && sound(found)));

  const problems = useMemo(() => placesIn(found, draft, file?.name), [found, draft, file?.name]);
  const go = (name: string, line: number, test?: string) => {
    const text = draft.files.find((f) => f.name === name)?.text ?? "";
    setChosen(name);
    setSpot((old) => ({ line: test === undefined ? Math.max(line, 1) : lineOfTest(text, test), visit: old.visit + 1 }));
  };
  const setText = (text: string) =>
    put({ ...draft, files: draft.files.map((f) => (f.name === file?.name ? { name: f.name, text } : f)) });
  const ready = changed && !stale && settled && found !== undefined && sound(found);
  return (
    <Page
      title={t("policies.editTitle", { tenant: plain(tenant) })}
      about={t("policies.editAbout")}
      actions={
        <>
          <Button variant="default" disabled={!changed} onClick={() => setDialog("discard")}>
            {t("policies.discard")}
          </Button>
          <Button variant={set.approvalRequired ? "filled" : "default"} disabled={!ready} onClick={() => setDialog("propose")}>
            {t("policies.propose")}
          </Button>
          {!set.approvalRequired && (
            <Button disabled={!ready} onClick={() => setDialog("apply")}>
              {t("policies.apply")}
            </Button>
          )}
        </>
      }
    >
      {stale && changed && (
        <div className={classes.notice} role="status">
          <div className={classes.grow}>{t("policies.stale", { base: draft.base, now: String(set.version) })}</div>
          <Button size="xs" variant="default" onClick={() => put({ ...draft, base: String(set.version) })}>
            {t("policies.takeBase")}
          </Button>
        </div>
      )}
      {!room && (
        <div className={classes.notice} role="status">
          {t("policies.noRoom")}
        </div>
      )}
      <div className={classes.split}>
        <Panel
          title={t("policies.files")}
          flush
          aside={
            <Button size="compact-xs" variant="default" onClick={() => setDialog("add")}>
              {t("policies.addFile")}
            </Button>
          }
        >
          <Names draft={draft} chosen={file?.name} found={found} choose={setChosen} />
        </Panel>
        {file === undefined ? (
          <Panel title={t("policies.noFile")}>
            <Empty title={t("policies.noFileYet")} how={t("policies.noFileHow")}>
              <Button onClick={() => setDialog("add")}>{t("policies.addFile")}</Button>
            </Empty>
          </Panel>
        ) : (
          <Panel
            title={plain(file.name)}
            flush
            aside={
              <Button size="compact-xs" variant="default" onClick={() => setDialog("remove")}>
                {t("policies.removeFile")}
              </Button>
            }
          >
            <Editor
              name={file.name}
              label={t("policies.textOf", { name: file.name })}
              value={file.text}
              onChange={setText}
              problems={problems}
              line={spot.line}
              visit={spot.visit}
              tall
            />
          </Panel>
        )}
      </div>
      <div className={classes.halves}>
        <Panel title={t("policies.check")} flush aside={<Busy is={!settled} />}>
          <Result of={check} what={t("policies.checkFailed")} rows={2}>
            {(p) => <Checks of={p} go={go} />}
          </Result>
        </Panel>
        <Panel title={t("policies.effect")} flush aside={<Busy is={effect.isFetching} />}>
          {!changed || found === undefined || !sound(found) || effect.data === undefined ? (
            effect.error !== null && changed ? (
              <ErrorPanel error={effect.error} what={t("policies.effectFailed")} retry={() => void effect.refetch()} />
            ) : (
              <Text p="md" c="dimmed">
                {!changed
                  ? t("policies.effectNothing")
                  : found !== undefined && !sound(found)
                    ? t("policies.effectLater")
                    : t("policies.effectSoon")}
              </Text>
            )
          ) : (
            <Effect of={effect.data} />
          )}
        </Panel>
      </div>
      <Panel title={t("policies.against", { version: String(set.version) })} flush>
        <Difference before={filesOf(set)} after={late} />
      </Panel>
      {dialog === "add" && (
        <AddFile
          files={draft.files}
          onClose={close}
          add={(f) => {
            put({ ...draft, files: [...draft.files, f].sort((a, b) => (a.name < b.name ? -1 : 1)) });
            setChosen(f.name);
          }}
        />
      )}
      {file !== undefined && (
        <RemoveFile
          opened={dialog === "remove"}
          name={file.name}
          onClose={close}
          remove={() => put({ ...draft, files: draft.files.filter((f) => f.name !== file.name) })}
        />
      )}
      <Confirm
        opened={dialog === "discard"}
        onClose={close}
        title={t("policies.discardTitle")}
        preview={t("policies.discardPreview", { version: String(set.version) })}
        action={t("policies.discard")}
        what={t("policies.discardFailed")}
        danger
        work={async () => discard()}
      />
      {(dialog === "apply" || dialog === "propose") && (
        <Send kind={dialog} tenant={tenant} files={draft.files} base={BigInt(draft.base)} onClose={close} sent={discard} />
      )}
    </Page>
  );
}

function Busy({ is }: { is: boolean }) {
  const { t } = useTranslation();
  return (
    <Text size="xs" c="dimmed" role="status">
      {is ? t("policies.checking") : ""}
    </Text>
  );
}

function Names(p: { draft: Draft; chosen: string | undefined; found: PolicyPreview | undefined; choose: (name: string) => void }) {
  const { t } = useTranslation();
  const wrong = (name: string) =>
    (p.found?.problems.filter((x) => x.file === name).length ?? 0) +
    (p.found?.tests.filter((x) => x.file === name && !x.passed).length ?? 0);
  return (
    <ul className={classes.names} aria-label={t("policies.files")}>
      {p.draft.files.length === 0 && <li className={classes.group}>{t("policies.noOwn")}</li>}
      {p.draft.files.map((f) => (
        <li key={f.name}>
          <button
            type="button"
            className={classes.name}
            aria-current={f.name === p.chosen ? "true" : undefined}
            onClick={() => p.choose(f.name)}
          >
            {plain(f.name)}
            {wrong(f.name) > 0 && <span className={classes.wrong}>{t("policies.wrong", { count: wrong(f.name) })}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** What is wrong in a file: problems where they are, failed tests where they begin. */
function placesIn(found: PolicyPreview | undefined, draft: Draft, name: string | undefined): Place[] {
  if (found === undefined || name === undefined) return [];
  const text = draft.files.find((f) => f.name === name)?.text ?? "";
  return [
    ...found.problems.filter((x) => x.file === name).map(({ line, column, message }) => ({ line, column, message })),
    ...found.tests
      .filter((x) => x.file === name && !x.passed)
      .map((x) => ({ line: lineOfTest(text, x.name), column: 1, message: `${x.name}: ${x.why}` })),
  ];
}
