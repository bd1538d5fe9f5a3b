import { useTranslation } from "react-i18next";
import { plain } from "./plain";

/** useWords picks, of a text that the server has in both languages, the one that is shown. */
export function useWords(): (en: string | undefined, zh: string | undefined) => string {
  const { i18n } = useTranslation();
  return (en, zh) => plain((i18n.language === "zh" && zh ? zh : en) ?? "");
}
