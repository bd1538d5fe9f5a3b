import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { searchFilter } from "@/api/events";
import { EventSchema } from "@/gen/node_pb";
import { grouped, merged, single, worstFirst } from "./events";

const event = (id: string, ms: number, more = {}) =>
  create(EventSchema, { id, node: "n1", kind: "status", text: "x", time: timestampFromMs(ms), ...more });

test("the worst come first, and the newest of them", () => {
  const all = ["low", "high", "odd", "critical", "high"].map((severity, i) => event(`e${i}`, 5000 - i, { severity }));
  expect(worstFirst(all).map((e) => e.id)).toEqual(["e3", "e1", "e4", "e0", "e2"]);
});

test("a thousand equal events are one line", () => {
  const many = Array.from({ length: 1000 }, (_, i) => event(`e${i}`, 5000 - i, { node: `n${i % 7}` }));
  const lines = grouped([event("z", 6000, { text: "y" }), ...many]);
  expect(lines.map((l) => [l.last.id, l.events.length, l.nodes])).toEqual([
    ["z", 1, 1],
    ["e0", 1000, 7],
  ]);
  expect(single(many).length).toBe(1000);
});

test("events are there once, in their order, and not too many", () => {
  const a = [event("c", 30), event("a", 10)];
  const { events, cut } = merged(a, [event("b", 20), event("c", 30), event("d", 30)], 3);
  expect(events.map((e) => e.id)).toEqual(["d", "c", "b"]);
  expect(cut).toBe(true);
  expect(merged([], a, 2)).toEqual({ events: a, cut: false });
});

test("an address that somebody wrote asks for what it says, and for nothing that it can't", () => {
  expect(searchFilter({ kind: 'a" OR x', from: "2026-11-26T10:00", to: "never" })).toBe(
    `kind = "a\\" OR x" AND time >= "${new Date("2026-11-26T10:00").toISOString()}"`,
  );
});
