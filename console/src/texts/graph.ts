// For the test of the texts: which of them a file uses, with all that it imports.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import en from "./en";

const spaces = Object.keys(en).join("|");
const whole = new RegExp(`"((?:${spaces})\\.[\\w.]+)"`, "g");
const begun = new RegExp(`\`((?:${spaces})\\.(?:[\\w]+\\.)*)\\$\\{`, "g");

/** Keys that code asks for as they are, and the beginnings of those that it puts together. */
export function keysIn(code: string): { asked: Set<string>; prefixes: Set<string> } {
  return {
    asked: new Set([...code.matchAll(whole)].map((m) => m[1] ?? "")),
    prefixes: new Set([...code.matchAll(begun)].map((m) => m[1] ?? "")),
  };
}

function fileOf(name: string, from: string): string | undefined {
  const base = name.startsWith("@/") ? join("src", name.slice(2)) : name.startsWith(".") ? join(dirname(from), name) : undefined;
  if (base === undefined) return undefined;
  return [base, `${base}.ts`, `${base}.tsx`, join(base, "index.ts")].find((f) => /\.tsx?$/.test(f) && existsSync(f));
}

const imports = /(?:^import (?!type)[^;]*?from |^export [^;]*?from |^import |\bimport\()"([^"]+)"/gm;

/** The parts of the texts that a file uses, with all that it imports, now or later; pages of routes are not followed. */
export function partsOf(file: string, seen = new Set<string>()): Set<string> {
  const parts = new Set<string>();
  if (seen.has(file)) return parts;
  seen.add(file);
  const code = readFileSync(file, "utf8");
  const { asked, prefixes } = keysIn(code);
  for (const key of [...asked, ...prefixes]) parts.add(key.split(".")[0] ?? "");
  if (file.startsWith("src/routes/")) return parts;
  for (const m of code.matchAll(imports)) {
    const next = fileOf(m[1] ?? "", file);
    if (next !== undefined) for (const p of partsOf(next, seen)) parts.add(p);
  }
  return parts;
}

/** The routes of a folder: each with the file of its page, and the texts that it loads. */
export function routesOf(dir: string): { path: string; page: string; texts: string[] }[] {
  return readdirSync(dir).flatMap((name) => {
    const code = readFileSync(join(dir, name), "utf8");
    return code
      .split("createRoute({")
      .slice(1)
      .map((r) => ({
        path: r.match(/path: "([^"]*)"/)?.[1] ?? "",
        page: fileOf(r.match(/import\("([^"]+)"\)/)?.[1] ?? "", join(dir, name)) ?? "",
        texts: [...(r.match(/loader: texts\(([^)]*)\)/)?.[1] ?? "").matchAll(/"(\w+)"/g)].map((m) => m[1] ?? "").sort(),
      }));
  });
}
