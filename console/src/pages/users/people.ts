import type { Caller } from "@/gen/auth_pb";
import type { User } from "@/gen/directory_pb";

export const roles = ["administrator", "owner", "auditor", "operator", "developer", "node"] as const;
export type Role = (typeof roles)[number];

export const isRole = (s: string): s is Role => roles.some((r) => r === s);

export const states = ["active", "invited", "disabled"] as const;
export type UserState = (typeof states)[number];

/** Whoever never signed in has an invitation, or needs one. */
export function stateOf(u: Pick<User, "disabled" | "lastSignIn">): UserState {
  if (u.disabled) return "disabled";
  return u.lastSignIn === undefined ? "invited" : "active";
}

export const toneOfState = { active: "good", invited: "unknown", disabled: "off" } as const;

/** Roles that make sense in a tenant: the provider's has administrators, the others have owners. */
export const rolesIn = (tenant: string): Role[] =>
  roles.filter((r) => (tenant === "system" ? r !== "owner" : r !== "administrator"));

/** Whether whoever is signed in may hand a role out, as the server decides it: administrators all, owners those of their tenant,
 * others what they have. */
export function mayGive(caller: Pick<Caller, "tenant" | "roles"> | undefined, tenant: string, role: Role): boolean {
  if (caller === undefined) return true;
  if (caller.tenant === "system" && caller.roles.includes("administrator")) return true;
  if (caller.tenant !== tenant) return false;
  const owns = tenant !== "system" && caller.roles.includes("owner");
  return caller.roles.includes(role) || (owns && (role === "auditor" || role === "developer"));
}

/** What a list of names gains and loses. */
export function difference(before: readonly string[], after: readonly string[]): { gains: string[]; loses: string[] } {
  return { gains: after.filter((a) => !before.includes(a)), loses: before.filter((b) => !after.includes(b)) };
}

const name = /^[a-z0-9][a-z0-9._@+-]{0,63}$/;

export const isName = (s: string): boolean => name.test(s);

/** The link of a new account. The code stands behind #, so that it gets into no log. */
export const linkOf = (path: string): string => `${location.origin}${path}`;
