import { useTranslation } from "react-i18next";
import { ToneIcon } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import type { ReportEvidence } from "./content";

/** A piece of evidence with its node. */
export function EvidenceText({ e }: { e: ReportEvidence }) {
  const { t } = useTranslation();
  const words = useWords();
  const text = words(e.text.en, e.text.zh);
  const subject = plain(e.subject);
  return (
    <li>
      <ToneIcon tone={e.status === "fail" ? "bad" : e.status === "warn" ? "part" : "unknown"} size={14} /> <b>{plain(e.node)}</b>{" "}
      {subject !== "" && !text.includes(subject) && <code>{subject}</code>} {text}
      {e.exception !== undefined && !e.exception.expired && (
        <em> {t("common.excepted", { expires: e.exception.expires, owner: plain(e.exception.owner) })}</em>
      )}
    </li>
  );
}
