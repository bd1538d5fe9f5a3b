import { expect, test } from "vitest";
import { isTenantId, labelsOf, labelText } from "./labels";

test("labels are read as they are written", () => {
  const labels = { region: "eu", tier: "gold=1" };
  expect(labelsOf(labelText(labels))).toEqual(labels);
  expect(labelsOf("\n a = b \n\n")).toEqual({ a: "b" });
});

test("what is no label is refused", () => {
  for (const bad of ["a", "=b", "a=1\na=2", `${"k".repeat(64)}=1`, `k=${"v".repeat(256)}`]) expect(labelsOf(bad)).toBeUndefined();
  expect(labelsOf(Array.from({ length: 65 }, (_, i) => `k${i}=v`).join("\n"))).toBeUndefined();
});

test("ids of tenants are DNS labels", () => {
  for (const good of ["a", "acme", "acme-2"]) expect(isTenantId(good)).toBe(true);
  for (const bad of ["", "Acme", "2acme", "acme-", "a".repeat(64)]) expect(isTenantId(bad)).toBe(false);
});
