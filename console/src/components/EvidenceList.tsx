import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Evidence } from "@/lib/assessment";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import classes from "./EvidenceList.module.css";
import { PageLink } from "./links";
import { CheckBadge } from "./StatusBadge";

/** The very fact: where it stands in what the node said of itself. */
export function FactLink({ node, pointer }: { node: string; pointer: string }) {
  const { t } = useTranslation();
  return (
    <PageLink
      to="/nodes/$id/facts"
      params={{ id: node }}
      search={{ at: pointer }}
      size="xs"
      title={pointer}
      className={classes.fact}
    >
      {t("common.fact")}
    </PageLink>
  );
}

const first = 8;

/** What a check looked at, the failing first. */
export function EvidenceList({ node, evidence }: { node: string; evidence: readonly Evidence[] }) {
  const { t } = useTranslation();
  const words = useWords();
  const [every, setEvery] = useState(false);
  const shown = every ? evidence : evidence.slice(0, first);
  if (evidence.length === 0) return null;
  return (
    <>
      <ul className={classes.list}>
        {shown.map((e, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: evidence has no other name, and does not change
          <li key={i} className={classes.item}>
            <CheckBadge status={e.status} />
            <span className={classes.text}>
              {e.subject !== undefined && e.subject !== "" && <code className={classes.subject}>{plain(e.subject)}</code>}{" "}
              {words(e.text, e.text_zh)}
              {e.exception !== undefined && (
                <span className={classes.exception}>
                  {" "}
                  {t("common.excepted", { owner: e.exception.owner, expires: e.exception.expires })}
                </span>
              )}
            </span>
            <FactLink node={node} pointer={e.pointer} />
          </li>
        ))}
      </ul>
      {evidence.length > first && (
        <Button variant="subtle" size="compact-xs" onClick={() => setEvery(!every)}>
          {every ? t("common.fewer") : t("common.allOf", { count: evidence.length })}
        </Button>
      )}
    </>
  );
}
