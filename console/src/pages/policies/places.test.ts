import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { actionsOf, isName, lineOf, lineOfTest, placeOf, typesOf } from "./places";

test("where a policy stands", () => {
  expect(placeOf("guardrails/four-eyes")).toEqual({ file: "shipped/guardrails.cedar", policy: "four-eyes" });
  expect(placeOf("acme/night/shift")).toEqual({ tenant: "acme", file: "night.cedar", policy: "shift" });
  expect(placeOf("nonsense")).toBeUndefined();
  expect(placeOf("a/b/c/d")).toBeUndefined();
  expect(lineOf('// x\n@id("a")\n@id("ab")', "ab")).toBe(3);
  expect(lineOf("", "ab")).toBe(0);
});

test("where a test stands", () => {
  const text = 'tests:\n  - name: an owner\n    action: A\n  - action: B\n    name: "two words" # why\n';
  expect(lineOfTest(text, "an owner")).toBe(2);
  expect(lineOfTest(text, "two words")).toBe(5);
  expect(lineOfTest(text, "owner")).toBe(0);
});

test("the schema that is shipped has its actions and types found", () => {
  const schema = readFileSync("../policies/bulkhead.cedarschema", "utf8");
  const actions = actionsOf(schema);
  for (const a of ["PolicyApply", "PolicyPropose", "ContainerExec", "GroupCreate", "UserCreate"]) expect(actions).toContain(a);
  for (const group of ["Read", "TenantDelegable", "EngineChange"]) expect(actions).not.toContain(group);
  expect(typesOf(schema)).toContain("Container");
  expect(typesOf(schema)).not.toContain("Role");
});

test("names of files", () => {
  expect(isName("night-shift.cedar", [])).toBe(true);
  expect(isName("night-shift.test.yaml", [])).toBe(true);
  for (const bad of ["", "a", "a.yaml", "../a.cedar", "A.cedar", `${"a".repeat(100)}.cedar`]) expect(isName(bad, [])).toBe(false);
  expect(isName("a.cedar", [{ name: "a.cedar", text: "" }])).toBe(false);
});
