import type { PolicyFile } from "@/gen/policy_pb";

/** A rule of a profile, as its policy says it. */
export interface Rule {
  /** As records name it: "FILE/ID", with the tenant in front for custom ones. */
  id: string;
  name: string;
  reason: string;
  remedy: string;
  requirement: string;
}

const annotation = /\s*@(\w+)\s*(?:\(\s*"((?:[^"\\]|\\.)*)"\s*\)\s*)?/y;
const effect = /\s*(permit|forbid)\b/y;
const ofWorkload = /\bcontext\s*(?:has\s+|\.\s*)(?:workload|profile)\b/;

/** statementsOf takes a file apart at its semicolons, without comments; what is quoted stays as it is. */
function statementsOf(text: string): string[] {
  const found: string[] = [];
  let now = "";
  for (const [part] of text.matchAll(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|[^"/;]+|[\s\S]/g)) {
    if (part === ";") {
      found.push(now);
      now = "";
    } else if (!part.startsWith("//")) now += part;
  }
  return found;
}

const unescaped = (s: string): string => s.replaceAll(/\\(.)/g, "$1");

/** headOf reads what a statement says of itself before its effect. */
function headOf(statement: string): { said: Map<string, string>; effect: string; rest: string } {
  const said = new Map<string, string>();
  let at = 0;
  for (annotation.lastIndex = 0; ; annotation.lastIndex = at) {
    const m = annotation.exec(statement);
    if (m === null) break;
    said.set(m[1] ?? "", unescaped(m[2] ?? ""));
    at += m[0].length;
  }
  effect.lastIndex = at;
  const m = effect.exec(statement);
  return { said, effect: m?.[1] ?? "", rest: m === null ? "" : statement.slice(at + m[0].length) };
}

/** rulesIn finds what forbids by what a workload is: rules of a profile. */
export function rulesIn(file: Pick<PolicyFile, "name" | "text">, tenant = ""): Rule[] {
  const base = file.name.replace(/\.cedar$/, "");
  if (base === file.name) return [];
  return statementsOf(file.text)
    .map(headOf)
    .filter((p) => p.effect === "forbid" && ofWorkload.test(p.rest))
    .map(({ said }) => {
      const name = said.get("id") ?? "";
      return {
        id: `${tenant === "" ? "" : `${tenant}/`}${base}/${name}`,
        name,
        reason: said.get("reason") ?? "",
        remedy: said.get("remedy") ?? "",
        requirement: said.get("requirement") ?? "",
      };
    });
}

export const profiles = ["baseline", "restricted"] as const;
export type Profile = (typeof profiles)[number] | "own";

/** The rules of each profile; "own" are those of a tenant over the same facts. */
export function rulesOfProfiles(set: { tenant: string; files: PolicyFile[]; shipped: PolicyFile[] }): Record<Profile, Rule[]> {
  const of = (profile: string) => set.shipped.filter((f) => f.name === `profile_${profile}.cedar`).flatMap((f) => rulesIn(f));
  return { baseline: of("baseline"), restricted: of("restricted"), own: set.files.flatMap((f) => rulesIn(f, set.tenant)) };
}
