import { Autocomplete, Button, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { policySchema } from "@/api/policies";
import { Page, Panel } from "@/components/Page";
import { Answer } from "./Answer";
import classes from "./Policies.module.css";
import { actionsOf, typesOf } from "./places";
import { isComplete, type Question, questions } from "./question";
import { usePolicyTenant } from "./tenant";

/** Who can, what can, and why: questions that the policies in force answer, with those that decide. */
export function AskPolicies() {
  const { t } = useTranslation();
  const asked = useSearch({ from: "/policies/ask" });
  const tenant = usePolicyTenant();
  return (
    <Page title={t("policies.askTitle")} about={t("policies.askAbout")}>
      <Panel title={t("policies.question")}>
        <Form key={JSON.stringify(asked)} asked={asked} tenant={tenant} />
      </Panel>
      {tenant !== "" && isComplete(asked) && <Answer q={asked} tenant={tenant} />}
    </Page>
  );
}

function Form({ asked, tenant }: { asked: Question; tenant: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const schema = useQuery(policySchema());
  const [q, setQ] = useState<Question>(asked);
  const kind = q.q ?? "who";
  const put = (name: keyof Question) => (value: string) => setQ((old) => ({ ...old, [name]: value || undefined }));
  const next: Question = { ...q, q: kind };
  if (kind !== "record") {
    next.record = undefined;
    next.type = q.type ?? "Tenant";
    next.id = q.id ?? ((q.type ?? "Tenant") === "Tenant" ? tenant : undefined);
  }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void navigate({ to: "/policies/ask", search: (old) => ({ tenant: old.tenant, ...next }) });
      }}
    >
      <Stack gap="md">
        <SegmentedControl
          aria-label={t("policies.question")}
          value={kind}
          onChange={(v) => setQ((old) => ({ ...old, q: questions.find((x) => x === v) }))}
          data={questions.map((x) => ({ value: x, label: t(`policies.asks.${x}`) }))}
          withItemsBorders={false}
          fullWidth
        />
        <div className={classes.form}>
          {kind === "record" && (
            <TextInput
              label={t("policies.record")}
              description={t("policies.recordHow")}
              value={q.record ?? ""}
              onChange={(e) => put("record")(e.currentTarget.value)}
              maxLength={300}
              required
            />
          )}
          {(kind === "what" || kind === "why") && (
            <TextInput
              label={t("policies.user")}
              description={t("policies.userHow")}
              value={q.user ?? ""}
              onChange={(e) => put("user")(e.currentTarget.value)}
              maxLength={64}
            />
          )}
          {(kind === "who" || kind === "why") && (
            <Autocomplete
              label={t("policies.action")}
              description={t("policies.actionHow")}
              value={q.action ?? ""}
              onChange={put("action")}
              data={actionsOf(schema.data?.cedar ?? "")}
              limit={20}
              maxLength={64}
              required
            />
          )}
          {kind !== "record" && (
            <>
              <Autocomplete
                label={t("policies.type")}
                description={t("policies.typeHow")}
                value={q.type ?? "Tenant"}
                onChange={put("type")}
                data={typesOf(schema.data?.cedar ?? "")}
                limit={40}
                maxLength={64}
                required
              />
              <TextInput
                label={t("policies.id")}
                description={t("policies.idHow")}
                value={q.id ?? ((q.type ?? "Tenant") === "Tenant" ? tenant : "")}
                onChange={(e) => put("id")(e.currentTarget.value)}
                maxLength={256}
                required
              />
            </>
          )}
        </div>
        <div>
          <Button type="submit" disabled={!isComplete(next)}>
            {t("policies.askNow")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}
