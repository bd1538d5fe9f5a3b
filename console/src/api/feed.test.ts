import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Event, EventSchema } from "@/gen/node_pb";
import { type Change, ChangeSchema } from "@/gen/operations_pb";
import { Feed, type Since } from "./feed";

const start = Date.UTC(2026, 10, 26, 12);
const idOf = (n: number) => `e${String(n).padStart(8, "0")}`;
const event = (n: number): Event => create(EventSchema, { id: idOf(n), kind: "status", time: timestampFromMs(start + n * 10) });
const told = (n: number, type = "Event"): Change => create(ChangeSchema, { operation: "created", object: { type, id: idOf(n) } });

/** A server with events, which says what it was asked. */
function world(most?: number) {
  const kept: Event[] = [];
  const asked: Since[] = [];
  const fail = { with: undefined as unknown };
  const feed = new Feed({
    most,
    read: async (since, limit) => {
      asked.push(since);
      await Promise.resolve();
      if (fail.with !== undefined) throw fail.with;
      const from = since.time?.getTime() ?? 0;
      const fit = kept.filter(
        (e) => e.id >= (since.id ?? "") && Number(e.time?.seconds) * 1000 + (e.time?.nanos ?? 0) / 1e6 >= from,
      );
      return { rows: fit.reverse().slice(0, limit), more: fit.length > limit };
    },
  });
  const happen = (...all: number[]) => {
    for (const n of all) {
      kept.push(event(n));
      feed.hear(told(n));
    }
  };
  return { kept, asked, fail, feed, happen, ids: () => feed.snapshot().events.map((e) => e.id) };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(start);
});
afterEach(() => {
  vi.useRealTimers();
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("what is new is read once in a second, and nothing that is older", async () => {
  const w = world();
  w.kept.push(event(1), event(2));
  w.feed.start();
  await pass(0);
  expect(w.ids()).toEqual([idOf(2), idOf(1)]);
  for (let n = 3; n < 103; n++) {
    w.happen(n);
    await pass(10);
  }
  await pass(1000);
  expect(w.ids().length).toBe(102);
  expect(w.asked.length).toBeLessThanOrEqual(4);
  expect(w.asked[1]?.id).toBe(idOf(3));
  await pass(60_000);
  expect(w.asked.length).toBeLessThanOrEqual(4); // what is quiet asks for nothing
});

test("other kinds of changes are not its business", async () => {
  const w = world();
  w.feed.start();
  await pass(0);
  w.feed.hear(told(7, "Node"));
  await pass(5000);
  expect(w.asked.length).toBe(1);
});

test("a pause counts, keeps what is seen, and loses nothing", async () => {
  const w = world();
  w.happen(1);
  w.feed.start();
  await pass(0);
  w.feed.pause(true);
  w.happen(2, 3, 4);
  await pass(10_000);
  expect(w.ids()).toEqual([idOf(1)]);
  expect(w.feed.snapshot()).toMatchObject({ waiting: 3, paused: true });
  w.feed.pause(false);
  await pass(0);
  expect(w.ids()).toEqual([idOf(4), idOf(3), idOf(2), idOf(1)]);
  expect(w.feed.snapshot()).toMatchObject({ waiting: 0, paused: false });
});

test("what could not be read is read later", async () => {
  const w = world();
  w.feed.start();
  await pass(0);
  w.fail.with = new Error("gone");
  w.happen(1);
  await pass(1000);
  expect(w.feed.snapshot().error).toBe(w.fail.with);
  w.fail.with = undefined;
  w.happen(2);
  await pass(10_000);
  expect(w.ids()).toEqual([idOf(2), idOf(1)]);
  expect(w.feed.snapshot().error).toBe(undefined);
});

test("where the stream begins anew, what nobody told of is found", async () => {
  const w = world();
  w.happen(1);
  w.feed.start();
  await pass(0);
  w.kept.push(event(2), event(3));
  w.feed.hear("begins");
  await pass(1000);
  expect(w.ids()).toEqual([idOf(3), idOf(2), idOf(1)]);
  expect(w.asked.at(-1)?.id).toBe(undefined);
});

test("what was written late is found, though newer ones were seen", async () => {
  const w = world();
  w.happen(5);
  w.feed.start();
  await pass(0);
  w.happen(3);
  await pass(1000);
  expect(w.ids()).toEqual([idOf(5), idOf(3)]);
});

test("it holds no more than it may, and says that there is more", async () => {
  const w = world(50);
  w.feed.start();
  for (let n = 0; n < 400; n++) {
    w.happen(n);
    await pass(20);
  }
  await pass(2000);
  expect(w.ids().length).toBe(50);
  expect(w.ids()[0]).toBe(idOf(399));
  expect(w.feed.snapshot().more).toBe(true);
});

test("what is closed asks for nothing any more", async () => {
  const w = world();
  w.feed.start();
  await pass(0);
  w.feed.close();
  w.happen(1);
  await pass(5000);
  expect(w.asked.length).toBe(1);
});
