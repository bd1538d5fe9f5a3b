import { useTranslation } from "react-i18next";

/** useWords picks, of a text that the server has in both languages, the one that is shown. */
export function useWords(): (en: string | undefined, zh: string | undefined) => string {
  const { i18n } = useTranslation();
  return (en, zh) => (i18n.language === "zh" && zh ? zh : en) ?? "";
}
