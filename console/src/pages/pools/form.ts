import type { JsonObject } from "@bufbuild/protobuf";
import type { Pool } from "@/gen/fleet_pb";
import { secondsOf, spanOf, spanText } from "@/lib/span";

/** A pool as a person writes it. */
export interface PoolForm {
  description: string;
  collect: string;
  assess: string;
  steps: string;
  soak: string;
  findings: number | string;
  failures: number | string;
  back: boolean;
  windows: WindowForm[];
}

export interface WindowForm {
  key: number;
  begins: string;
  lasts: string;
  zone: string;
}

export const mostWindows = 32;

export function formOf(p: Pool): PoolForm {
  const assess = p.settings?.assess;
  return {
    description: p.description,
    collect: spanText(secondsOf(p.settings?.collectEvery)),
    assess: assess === undefined || Object.keys(assess).length === 0 ? "" : JSON.stringify(assess, null, 2),
    steps: (p.plan?.steps ?? []).join(", "),
    soak: spanText(secondsOf(p.plan?.soak)),
    findings: p.plan?.mostFindings ?? 0,
    failures: p.plan?.mostFailures ?? 0,
    back: p.plan?.rollBack ?? false,
    windows: p.windows.map((w, key) => ({ key, begins: w.begins, lasts: spanText(secondsOf(w.lasts)), zone: w.zone })),
  };
}

export type Wrong = Partial<Record<"collect" | "assess" | "steps" | "soak" | "findings" | "failures", true>> & {
  /** By the key of the window: which of its fields. */
  windows: Map<number, "begins" | "lasts">;
};

/** stepsOf reads shares in percent; undefined where they are none, or do not rise. */
export function stepsOf(text: string): number[] | undefined {
  const parts = text.split(/[\s,;]+/).filter((s) => s !== "");
  const steps = parts.map(Number);
  const fine = steps.every((s, i) => Number.isInteger(s) && s >= 1 && s <= 100 && s > (steps[i - 1] ?? 0));
  return fine && steps.length <= 16 ? steps : undefined;
}

/** assessOf reads settings of checks; {} where there are none. */
export function assessOf(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

const within = (v: number | string, most: number) => Number.isInteger(Number(v)) && Number(v) >= 0 && Number(v) <= most;

/** wrongOf finds what the server would refuse, as far as it can be told here; the server has the last word. */
export function wrongOf(f: PoolForm): Wrong {
  const out: Wrong = { windows: new Map() };
  const collect = spanOf(f.collect);
  if (collect === undefined || (collect !== 0 && (collect < 10 || collect > 3600))) out.collect = true;
  if (assessOf(f.assess) === undefined) out.assess = true;
  if (stepsOf(f.steps) === undefined) out.steps = true;
  const soak = spanOf(f.soak);
  if (soak === undefined || soak > 604800) out.soak = true;
  if (!within(f.findings, 1000)) out.findings = true;
  if (!within(f.failures, 100)) out.failures = true;
  for (const w of f.windows) {
    const lasts = spanOf(w.lasts);
    if (w.begins.trim().split(/\s+/).length !== 5) out.windows.set(w.key, "begins");
    else if (lasts === undefined || lasts < 60 || lasts > 604800) out.windows.set(w.key, "lasts");
  }
  return out;
}

export const isRight = (w: Wrong): boolean => Object.keys(w).length === 1 && w.windows.size === 0;

/** What of a pool differs from what it was, as the paths of an update. */
export function pathsOf(before: PoolForm, after: PoolForm): string[] {
  const differs = (...keys: (keyof PoolForm)[]) => keys.some((k) => JSON.stringify(before[k]) !== JSON.stringify(after[k]));
  const bare = (f: PoolForm) => JSON.stringify(f.windows.map(({ begins, lasts, zone }) => [begins, lasts, zone]));
  return [
    differs("description") && "description",
    differs("collect", "assess") && "settings",
    differs("steps", "soak", "findings", "failures", "back") && "plan",
    bare(before) !== bare(after) && "windows",
  ].filter((x) => x !== false);
}
