import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync("src/theme/tokens.css", "utf8");

function tokens(scheme: string): Map<string, string> {
  const block = css.match(new RegExp(`:root\\[data-mantine-color-scheme="${scheme}"\\] \\{([^}]*)\\}`))?.[1] ?? "";
  return new Map([...block.matchAll(/(--bh-[\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? "", m[2] ?? ""]));
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const grounds = [
  "ground",
  "surface",
  "raised",
  "hover",
  "accent-ground",
  "good-ground",
  "part-ground",
  "bad-ground",
  "unknown-ground",
  "off-ground",
];
const pairs = [
  ...grounds.map((g) => ["text", g]),
  ...["ground", "surface", "raised", "hover", "off-ground"].map((g) => ["soft", g]),
  ...["ground", "surface", "accent-ground"].map((g) => ["accent", g]),
  ...["good", "part", "bad", "unknown", "off"].flatMap((s) => [
    [s, `${s}-ground`],
    [s, "surface"],
  ]),
];

for (const scheme of ["light", "dark"]) {
  test(`text can be read in ${scheme}`, () => {
    const t = tokens(scheme);
    expect(t.size).toBe(25);
    for (const [fg, bg] of pairs) {
      const ratio = contrast(t.get(`--bh-${fg}`) ?? "", t.get(`--bh-${bg}`) ?? "");
      expect(ratio, `${fg} on ${bg}`).toBeGreaterThanOrEqual(4.5);
    }
  });
  test(`shapes can be told from their ground in ${scheme}`, () => {
    const t = tokens(scheme);
    for (const s of ["line-strong", "accent"])
      expect(contrast(t.get(`--bh-${s}`) ?? "", t.get("--bh-surface") ?? ""), s).toBeGreaterThanOrEqual(3);
  });
}
