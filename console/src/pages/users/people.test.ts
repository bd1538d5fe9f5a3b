import { expect, test } from "vitest";
import { difference, isName, mayGive, rolesIn, stateOf } from "./people";

const at = { seconds: 1n, nanos: 0 } as never;

test("an account that was never signed in with is invited, and a disabled one is disabled whatever it did", () => {
  expect(stateOf({ disabled: false, lastSignIn: undefined })).toBe("invited");
  expect(stateOf({ disabled: false, lastSignIn: at })).toBe("active");
  expect(stateOf({ disabled: true, lastSignIn: at })).toBe("disabled");
});

test("administrators are in the provider's tenant only, and owners in the others", () => {
  expect(rolesIn("system")).not.toContain("owner");
  expect(rolesIn("acme")).not.toContain("administrator");
});

test("roles are handed out as the server permits it", () => {
  const ada = { tenant: "system", roles: ["administrator"] };
  const olga = { tenant: "acme", roles: ["owner"] };
  const dan = { tenant: "acme", roles: ["developer"] };
  expect(mayGive(ada, "acme", "operator")).toBe(true);
  expect(mayGive(olga, "acme", "owner")).toBe(true);
  expect(mayGive(olga, "acme", "developer")).toBe(true);
  expect(mayGive(olga, "acme", "operator")).toBe(false);
  expect(mayGive(olga, "globex", "developer")).toBe(false);
  expect(mayGive(dan, "acme", "auditor")).toBe(false);
});

test("what is gained and lost", () => {
  expect(difference(["a", "b"], ["b", "c"])).toEqual({ gains: ["c"], loses: ["a"] });
});

test("names of accounts", () => {
  for (const good of ["ann", "ann.lee@example.com", "0-x", "a+b"]) expect(isName(good)).toBe(true);
  for (const bad of ["", "Ann", ".ann", "a b", "a".repeat(65)]) expect(isName(bad)).toBe(false);
});
