import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { callList } from "@/api/guard";
import { ButtonLink, PageLink } from "@/components/links";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { GuardRule } from "@/gen/guard_pb";
import { lines, plain } from "@/lib/plain";
import { useTenant } from "@/shell/scope";
import { useActionWords } from "../audit/words";
import { PolicyLink } from "../policies/parts";
import { type CallSearch, filterOf, sinceOf } from "./filter";
import classes from "./guard.module.css";
import { CallOutcome, NodeOf, ObjectOf } from "./parts";

interface Props {
  rules: readonly GuardRule[];
  /** Which calls of a rule are meant. */
  outcome: "refused" | "would_refuse";
  /** Of one node alone. */
  node?: string;
}

/** Rules with what they refused or would refuse: why, what would pass, whom and where it met, and the calls themselves. */
export function RuleList({ rules, outcome, node }: Props) {
  return (
    <ul className={classes.rules}>
      {rules.map((r) => (
        <Item key={r.rule} r={r} outcome={outcome} node={node} />
      ))}
    </ul>
  );
}

export const timesOf = (r: GuardRule, outcome: Props["outcome"]): number =>
  Number(outcome === "refused" ? r.refused : r.wouldRefuse);

function Item({ r, outcome, node }: { r: GuardRule; outcome: Props["outcome"]; node: string | undefined }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const id = useId();
  // Calls that no rule permits have no rule to look for.
  const search: CallSearch = { outcome, node, rule: r.rule || undefined, since: "7d" };
  const name = r.rule === "" ? t("guard.noRule") : plain(r.rule);
  return (
    <li className={classes.ruleItem}>
      <div className={classes.ruleHead}>
        <h3>{r.rule === "" ? name : <PolicyLink id={r.rule} />}</h3>
        {r.requirement !== "" && (
          <PageLink to="/requirements/$id" params={{ id: r.requirement }} title={t("guard.requirement")}>
            {r.requirement}
          </PageLink>
        )}
        <span className={classes.times}>{t("guard.times", { count: timesOf(r, outcome) })}</span>
      </div>
      <div className={classes.ruleBody}>
        <div>
          {r.reason !== "" && <Text>{lines(r.reason)}</Text>}
          {r.remedy !== "" && (
            <Text>
              <Text span c="dimmed">
                {t("guard.passes")}:{" "}
              </Text>
              {lines(r.remedy)}
            </Text>
          )}
        </div>
        <div>
          <Text c="dimmed">
            {t("guard.people", { count: Number(r.people) })} · {t("guard.nodes", { count: r.nodes.length })}
          </Text>
          <Text c="dimmed">
            {t("guard.first")} <Time at={r.first} />, {t("guard.last")} <Time at={r.last} />
          </Text>
          <Button size="compact-xs" variant="default" mt={4} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
            {t(open ? "guard.hideCalls" : "guard.showCalls")}
            <span className="hidden-text"> {name}</span>
          </Button>
        </div>
      </div>
      <div id={id}>{open && <CallsOf search={search} what={name} />}</div>
    </li>
  );
}

const most = 10;

/** The newest calls of a rule, read when somebody asks for them. */
function CallsOf({ search, what }: { search: CallSearch; what: string }) {
  const { t } = useTranslation();
  const words = useActionWords();
  const tenant = useTenant();
  const found = useQuery(
    callList({ tenant, filter: filterOf(search), since: () => sinceOf(search), sinceKey: search.since ?? "" }),
  );
  return (
    <Result of={found} what={t("guard.failed")} rows={3}>
      {({ rows, more }) => (
        <>
          <ol className={classes.calls} aria-label={t("guard.callsOf", { rule: what })}>
            {rows.slice(0, most).map((c) => (
              <li key={c.id} className={classes.callLine}>
                <PageLink to="/guard" search={(old) => ({ tenant: old.tenant, ...search, call: c.id })} title={plain(c.id)}>
                  <Time at={c.time} />
                </PageLink>
                <span>
                  <CallOutcome c={c} />
                </span>
                <span>{plain(c.actorName || c.actor) || t("guard.nobody")}</span>
                <span>
                  {words(c.action)} · <ObjectOf c={c} />
                </span>
                <span>
                  <NodeOf of={c} />
                </span>
              </li>
            ))}
          </ol>
          {rows.length === 0 && <Text c="dimmed">{t("guard.noneHere")}</Text>}
          {(rows.length > most || more) && (
            <ButtonLink
              to="/guard"
              search={(old) => ({ tenant: old.tenant, ...search })}
              size="compact-xs"
              variant="default"
              mt="xs"
            >
              {t("guard.allCalls")}
            </ButtonLink>
          )}
        </>
      )}
    </Result>
  );
}
