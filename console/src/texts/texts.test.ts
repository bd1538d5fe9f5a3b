import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Language } from ".";
import en from "./en";
import first from "./first.en";
import { keysIn, partsOf, routesOf } from "./graph";

type Tree = { [key: string]: string | Tree };

const files = import.meta.glob<{ default: Tree }>("./*/**/*.json", { eager: true });

/** All texts of a language, as they lie in its folder. */
function textsOf(lang: Language): Tree {
  const mine = Object.entries(files).filter(([path]) => path.startsWith(`./${lang}/`));
  return Object.fromEntries(mine.map(([path, file]) => [path.replace(/^.*\/|\.json$/g, ""), file.default]));
}

function flat(tree: Tree, path = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (typeof value === "string") out.set(at, value);
    else for (const [k, v] of flat(value, at)) out.set(k, v);
  }
  return out;
}

const plural = /_(one|other)$/;
const names = (m: Map<string, string>) => new Set([...m.keys()].map((k) => k.replace(plural, "")));
const holes = (s: string) => [...s.matchAll(/\{\{(\w+)/g)].map((m) => m[1]).sort();
const english = flat(textsOf("en"));
const chinese = flat(textsOf("zh"));

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((d) => {
    const path = join(dir, d.name);
    if (d.isDirectory()) return d.name === "gen" || d.name === "texts" ? [] : sources(path);
    return /\.tsx?$/.test(d.name) && !d.name.includes(".test.") ? [readFileSync(path, "utf8")] : [];
  });
}

test("the compiler knows every file of texts", () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(textsOf("en")).sort());
});

test("every page comes with the texts that it uses, and with no others", () => {
  const always = new Set(Object.keys(first));
  const later = (file: string) => [...partsOf(file)].filter((p) => !always.has(p)).sort();
  const routes = routesOf("src/routes");
  expect(routes.length).toBeGreaterThan(40);
  for (const r of routes) expect(r.texts, `routes: texts of ${r.path}`).toEqual(later(r.page));
  // What is there without a page must do with what is there from the beginning.
  expect(later("src/main.tsx")).toEqual([]);
});

test("both languages have the same texts", () => {
  expect([...names(chinese)].sort()).toEqual([...names(english)].sort());
});

test("every plural has the forms of its language", () => {
  for (const key of names(english)) {
    if (english.has(`${key}_other`)) {
      expect(english.has(`${key}_one`), `en: ${key}_one`).toBe(true);
      expect(chinese.has(`${key}_other`), `zh: ${key}_other`).toBe(true);
      expect(chinese.has(`${key}_one`), `zh has no singular: ${key}`).toBe(false);
    }
  }
});

test("no text is empty, and both languages are told the same values", () => {
  for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe("");
  for (const [key, text] of chinese) expect(holes(text), key).toEqual(holes(english.get(key) ?? ""));
});

test("Chinese is not English that was left as it is", () => {
  const same = [...chinese].filter(([key, text]) => english.get(key) === text && /[a-z]{4}/.test(text)).map(([key]) => key);
  // Names and identifiers that are the same in both.
  expect(same).toEqual([]);
});

test("every text that is asked for is there, and every text is asked for", () => {
  const { asked, prefixes } = keysIn(sources("src").join("\n"));
  const known = names(english);
  expect([...asked].filter((k) => !known.has(k))).toEqual([]);
  const unused = [...known].filter((k) => !asked.has(k) && ![...prefixes].some((p) => k.startsWith(p)));
  expect(unused).toEqual([]);
  expect(asked.size).toBeGreaterThan(80);
});
