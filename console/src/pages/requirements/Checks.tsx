import { Button, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { EvidenceList } from "@/components/EvidenceList";
import { Remedy } from "@/components/Remedy";
import { CheckBadge, SeverityBadge } from "@/components/StatusBadge";
import { type Check, needsWork, type RequirementResult, worstFirst } from "@/lib/assessment";
import { useWords } from "@/lib/words";
import classes from "./Requirement.module.css";

/** The checks of a requirement on a node, what needs somebody first. */
export function Checks({ node, result, taken }: { node: string; result: RequirementResult | undefined; taken: ReactNode }) {
  const { t } = useTranslation();
  const words = useWords();
  const [fine, setFine] = useState(false);
  if (result === undefined) return <Text>{t("requirements.noResult")}</Text>;
  const sorted = worstFirst(result.checks);
  const open = sorted.filter(needsWork);
  const rest = sorted.filter((c) => !needsWork(c));
  return (
    <>
      <Text mb="sm">
        {words(result.reason, result.reason_zh)}{" "}
        <Text span size="xs" c="dimmed">
          {t("requirements.taken")} {taken}
        </Text>
      </Text>
      {open.map((c) => (
        <OneCheck key={c.id} node={node} check={c} />
      ))}
      {rest.length > 0 && (
        <Button variant="subtle" size="compact-sm" mt="xs" aria-expanded={fine} onClick={() => setFine(!fine)}>
          {fine ? t("requirements.hideFine") : t("requirements.showFine", { count: rest.length })}
        </Button>
      )}
      {fine && rest.map((c) => <OneCheck key={c.id} node={node} check={c} />)}
    </>
  );
}

function OneCheck({ node, check }: { node: string; check: Check }) {
  const { t } = useTranslation();
  const words = useWords();
  const remedy = words(check.remediation, check.remediation_zh);
  return (
    <article className={classes.check}>
      <div className={classes.checkHead}>
        <CheckBadge status={check.status} />
        <h3 className={classes.checkTitle}>{words(check.title, check.title_zh)}</h3>
        <SeverityBadge severity={check.severity} />
        {check.essential && <span className={classes.small}>{t("requirements.essential")}</span>}
        <code className={classes.small}>{check.id}</code>
      </div>
      <EvidenceList node={node} evidence={check.evidence} />
      {needsWork(check) && remedy !== "" && (
        <div className={classes.remedy}>
          <Remedy text={remedy} label={check.id}>
            <strong>{t("requirements.remedy")}</strong>
          </Remedy>
        </div>
      )}
      {check.references.length > 0 && <Text className={classes.small}>{check.references.join(" · ")}</Text>}
    </article>
  );
}
