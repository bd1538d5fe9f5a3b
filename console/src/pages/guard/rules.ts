import type { PolicyFile } from "@/gen/policy_pb";

/** A rule of a profile, as its policy says it. */
export interface Rule {
  /** As records name it: "FILE/ID", with the tenant in front for custom ones. */
  id: string;
  name: string;
  reason: string;
  remedy: string;
}

const annotation = /@(\w+)\s*\(\s*"((?:[^"\\]|\\.)*)"\s*\)/g;
const policy = /((?:@\w+\s*(?:\(\s*"(?:[^"\\]|\\.)*"\s*\))?\s*)+)(permit|forbid)\s*\(([\s\S]*?)\)\s*((?:when|unless)[\s\S]*?)?;/g;

// A quoted text may have two slashes; a comment has no quote before it that is open.
const withoutComments = (text: string): string =>
  text.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*/g, (_, quoted: string | undefined) => quoted ?? "");

const unescaped = (s: string): string => s.replaceAll(/\\(.)/g, "$1");

/** rulesIn finds what forbids by what a workload is: rules of a profile. */
export function rulesIn(file: Pick<PolicyFile, "name" | "text">, tenant = ""): Rule[] {
  const found: Rule[] = [];
  const base = file.name.replace(/\.cedar$/, "");
  if (base === file.name) return found;
  for (const m of withoutComments(file.text).matchAll(policy)) {
    if (m[2] !== "forbid" || !/\bcontext\s*(has\s+|\.)(workload|profile)\b/.test(m[4] ?? "")) continue;
    const said = new Map([...(m[1] ?? "").matchAll(annotation)].map((a) => [a[1], unescaped(a[2] ?? "")]));
    const name = said.get("id") ?? "";
    found.push({
      id: `${tenant === "" ? "" : `${tenant}/`}${base}/${name}`,
      name,
      reason: said.get("reason") ?? "",
      remedy: said.get("remedy") ?? "",
    });
  }
  return found;
}

export const profiles = ["baseline", "restricted"] as const;
export type Profile = (typeof profiles)[number] | "own";

/** The rules of each profile; "own" are those of a tenant over the same facts. */
export function rulesOfProfiles(set: { tenant: string; files: PolicyFile[]; shipped: PolicyFile[] }): Record<Profile, Rule[]> {
  const of = (profile: string) => set.shipped.filter((f) => f.name === `profile_${profile}.cedar`).flatMap((f) => rulesIn(f));
  return { baseline: of("baseline"), restricted: of("restricted"), own: set.files.flatMap((f) => rulesIn(f, set.tenant)) };
}
