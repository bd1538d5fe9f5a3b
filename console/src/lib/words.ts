import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { plain } from "./plain";

/** useWords picks, of a text that the server has in both languages, the one that is shown; `lines` as `show` keeps its lines. */
export function useWords(show = plain): (en: string | undefined, zh: string | undefined) => string {
  const zhShown = useTranslation().i18n.language === "zh";
  return useCallback((en, zh) => show((zhShown && zh ? zh : en) ?? ""), [show, zhShown]);
}
