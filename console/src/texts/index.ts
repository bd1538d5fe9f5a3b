import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import { cookie, setCookie } from "@/lib/cookie";
import type en from "./en";

export type Language = "en" | "zh";
export type Texts = typeof en;

const name = "bulkhead-lang";

// Only the language that is shown is loaded.
const load: Record<Language, () => Promise<{ default: object }>> = { en: () => import("./en"), zh: () => import("./zh") };

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: Texts };
    returnNull: false;
  }
}

/** The server wrote the language into the page: what the person chose, or the browser prefers. */
export function languageOfPage(): Language {
  const chosen = cookie(name) ?? document.documentElement.lang;
  return chosen.startsWith("zh") ? "zh" : "en";
}

export async function startTexts(lang: Language): Promise<i18n> {
  const instance = i18next.createInstance();
  await instance.use(initReactI18next).init({
    lng: lang,
    fallbackLng: false,
    resources: { [lang]: { translation: (await load[lang]()).default } },
    interpolation: { escapeValue: false }, // React escapes
    showSupportNotice: false,
  });
  document.documentElement.lang = lang;
  return instance;
}

export async function changeLanguage(instance: i18n, lang: Language): Promise<void> {
  if (!instance.hasResourceBundle(lang, "translation"))
    instance.addResourceBundle(lang, "translation", (await load[lang]()).default);
  setCookie(name, lang);
  document.documentElement.lang = lang;
  await instance.changeLanguage(lang);
}
