import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PolicyFileSchema } from "@/gen/policy_pb";
import { rulesIn, rulesOfProfiles } from "./rules";

const shipped = ["profile_baseline.cedar", "profile_restricted.cedar", "engine.cedar", "guardrails.cedar", "developer.cedar"].map(
  (name) => create(PolicyFileSchema, { name, text: readFileSync(`../policies/${name}`, "utf8") }),
);
const own = (text: string, name = "shop.cedar") => rulesIn({ name, text }, "acme");

test("every rule of the shipped profiles is found, with its reason and what would pass", () => {
  const rules = rulesOfProfiles({ tenant: "", files: [], shipped });
  for (const profile of ["baseline", "restricted"] as const) {
    const text = shipped.find((f) => f.name === `profile_${profile}.cedar`)?.text ?? "";
    const ids = [...text.matchAll(/^@id\("([^"]+)"\)/gm)].map((m) => m[1]);
    expect(ids.length).toBeGreaterThan(10);
    expect(rules[profile].map((r) => r.name)).toEqual(ids);
    expect(rules[profile].filter((r) => r.reason === "" || r.remedy === "")).toEqual([]);
  }
  expect(rules.baseline.find((r) => r.name === "privileged")).toEqual({
    id: "profile_baseline/privileged",
    name: "privileged",
    reason: "a privileged program has the whole host",
    remedy: "leave out --privileged, and security.insecure in a build; name the single capabilities that it needs",
    requirement: expect.stringMatching(/^8\.\d\.[a-z]$/),
  });
});

test("own rules are those that forbid by what a workload is", () => {
  const text = `
// @id("comment") forbid (principal, action, resource) when { context has workload };
@id("registry") @reason("images come from \\"ours\\" // only") @remedy("push it there; then pull")
forbid (principal, action in Bulkhead::Action::"EngineRun", resource)
when { context has workload && context.workload.registry != "registry.example" };
@id("permits") @reason("x") permit (principal, action, resource) when { context has workload };
@id("night") @reason("x") forbid (principal, action, resource) when { context.hour > 20 };
`;
  expect(own(text)).toEqual([
    {
      id: "acme/shop/registry",
      name: "registry",
      reason: 'images come from "ours" // only',
      remedy: "push it there; then pull",
      requirement: "",
    },
  ]);
  expect(own(text, "shop.test.yaml")).toEqual([]);
  expect(own("")).toEqual([]);
});

test("a hostile file takes no time", () => {
  const began = performance.now();
  own(`@id("x") `.repeat(20_000));
  own(`@id("${"\\\\".repeat(100_000)}`);
  own("forbid (".repeat(30_000));
  expect(performance.now() - began).toBeLessThan(2000);
});
