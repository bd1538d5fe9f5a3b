import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import en from "./en";
import zh from "./zh";

type Tree = { [key: string]: string | Tree };

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
const english = flat(en as Tree);
const chinese = flat(zh as Tree);

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((d) => {
    const path = join(dir, d.name);
    if (d.isDirectory()) return d.name === "gen" || d.name === "texts" ? [] : sources(path);
    return /\.tsx?$/.test(d.name) && !d.name.includes(".test.") ? [readFileSync(path, "utf8")] : [];
  });
}

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
  const code = sources("src").join("\n");
  const asked = new Set<string>();
  const prefixes = new Set<string>();
  const spaces = Object.keys(en).join("|");
  for (const m of code.matchAll(new RegExp(`"((?:${spaces})\\.[\\w.]+)"`, "g"))) asked.add(m[1] ?? "");
  for (const m of code.matchAll(new RegExp(`\`((?:${spaces})\\.(?:[\\w]+\\.)*)\\$\\{`, "g"))) prefixes.add(m[1] ?? "");
  const known = names(english);
  expect([...asked].filter((k) => !known.has(k))).toEqual([]);
  const unused = [...known].filter((k) => !asked.has(k) && ![...prefixes].some((p) => k.startsWith(p)));
  expect(unused).toEqual([]);
  expect(asked.size).toBeGreaterThan(80);
});
