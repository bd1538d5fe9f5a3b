import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import { cookie, setCookie } from "@/lib/cookie";
import type en from "./en";

export type Language = "en" | "zh";
export type Texts = typeof en;
/** The texts of a page, or of a few: a file of each language. */
export type Part = keyof Texts;

const name = "bulkhead-lang";
const space = "translation";

// Only the language that is shown is loaded: what all pages say first, what a page says when somebody goes there.
const first: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import("./first.en"),
  zh: () => import("./first.zh"),
};
const later = import.meta.glob<{ default: object }>("./*/*.json");

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
    resources: { [lang]: { [space]: (await first[lang]()).default } },
    interpolation: { escapeValue: false }, // React escapes
    showSupportNotice: false,
  });
  document.documentElement.lang = lang;
  return instance;
}

/** needTexts has parts there in the language that is shown, also where somebody changes it meanwhile. */
export async function needTexts(instance: i18n, parts: readonly Part[]): Promise<void> {
  const lang = instance.language as Language;
  await addParts(instance, lang, parts);
  if (instance.language !== lang) await needTexts(instance, parts);
}

export async function changeLanguage(instance: i18n, lang: Language): Promise<void> {
  const before = instance.language as Language;
  if (before === lang) return;
  if (!instance.hasResourceBundle(lang, space)) instance.addResourceBundle(lang, space, (await first[lang]()).default);
  // Pages may come while others are loaded.
  for (let wanted = lacking(instance, lang, before); wanted.length > 0; wanted = lacking(instance, lang, before)) {
    await addParts(instance, lang, wanted);
  }
  setCookie(name, lang);
  document.documentElement.lang = lang;
  await instance.changeLanguage(lang);
}

const partsOf = (instance: i18n, lang: Language): Part[] =>
  Object.keys((instance.getResourceBundle(lang, space) ?? {}) as object) as Part[];

function lacking(instance: i18n, lang: Language, than: Language): Part[] {
  const have = new Set(partsOf(instance, lang));
  return partsOf(instance, than).filter((p) => !have.has(p));
}

async function addParts(instance: i18n, lang: Language, parts: readonly Part[]): Promise<void> {
  const have = new Set(partsOf(instance, lang));
  await Promise.all(
    parts
      .filter((p) => !have.has(p))
      .map(async (p) => {
        const load = later[`./${lang}/${p}.json`];
        if (load === undefined) throw new Error(`there are no texts of ${p} in ${lang}`);
        instance.addResourceBundle(lang, space, { [p]: (await load()).default });
      }),
  );
}
