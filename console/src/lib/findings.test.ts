import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { EventSchema } from "@/gen/node_pb";
import { stateOf } from "@/table/state";
import { findingsOf } from "./findings";

const event = (more = {}) => create(EventSchema, { kind: "finding", nodeName: "web-1", after: "8.1.c/a,b;c", ...more });
const only = (...of: Parameters<typeof findingsOf>) => stateOf(findingsOf(...of) ?? {}, new Set(["kind", "node"])).only;

test("an event of a finding leads to its check on its node, whatever became of it", () => {
  expect(findingsOf(event())?.view).toBe("all");
  expect(only(event())).toEqual({ kind: ["8.1.c/a,b;c"], node: ["web-1"] });
  expect(only(event(), true)).toEqual({ kind: ["8.1.c/a,b;c"] });
});

test("what is no finding leads to none", () => {
  expect(findingsOf(event({ kind: "status" }))).toBeUndefined();
  expect(findingsOf(event({ after: "" }))).toBeUndefined();
  expect(findingsOf(event({ before: "sha256:1", after: "sha256:2" }))).toBeUndefined();
});
