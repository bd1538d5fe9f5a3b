import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AssessmentSchema } from "@/gen/operations_pb";
import { ofTenants, worstFirst } from "./standing";

const node = (tenant: string, nodeName: string, status: string) =>
  create(AssessmentSchema, { tenant, nodeName, statuses: { "8.1.c": status } });

const nodes = [
  node("acme", "web", "met"),
  node("globex", "web", "not_met"),
  node("acme", "db", "partly_met"),
  node("acme", "app", "met"),
  node("beta", "web", "met"),
];

test("nodes come the worst first, and equal names by tenant", () => {
  expect(worstFirst(nodes, "8.1.c").map((n) => `${n.tenant}/${n.nodeName}`)).toEqual([
    "globex/web",
    "acme/db",
    "acme/app",
    "acme/web",
    "beta/web",
  ]);
});

test("each tenant has its nodes counted, and what nobody knows is unknown", () => {
  expect(ofTenants(nodes, "8.1.c")).toEqual([
    ["globex", { not_met: 1 }],
    ["acme", { partly_met: 1, met: 2 }],
    ["beta", { met: 1 }],
  ]);
  expect(ofTenants(nodes, "8.9.z")[0]).toEqual(["acme", { unknown: 3 }]);
});
