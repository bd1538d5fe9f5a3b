import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type Change, ChangeSchema } from "@/gen/operations_pb";
import { delay, follow, type Link } from "./follow";

const change = (cursor: string, type?: string): Change =>
  create(
    ChangeSchema,
    type === undefined ? { cursor, operation: "alive" } : { cursor, operation: "updated", object: { type, id: "x" } },
  );

test("pauses grow to half a minute", () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((n) => delay(n, 1))).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  expect(delay(0, 0)).toBe(500);
});

async function run(streams: ((signal: AbortSignal) => AsyncIterable<Change>)[], signedIn = false) {
  const control = new AbortController();
  const seen = { cursors: [] as string[], each: [] as string[], links: [] as Link[], changed: [] as string[], asked: 0 };
  await follow({
    open: (cursor, signal) => {
      seen.cursors.push(cursor);
      const stream = streams[seen.cursors.length - 1];
      if (stream !== undefined) return stream(signal);
      control.abort();
      return (async function* () {})();
    },
    changed: (kinds) => seen.changed.push(kinds === "all" ? "all" : [...kinds].sort().join(",")),
    each: (c) => seen.each.push(typeof c === "string" ? c : c.cursor),
    link: (l) => {
      seen.links.push(l);
    },
    signedIn: () => {
      seen.asked++;
      return Promise.resolve(signedIn);
    },
    signal: control.signal,
    wait: () => new Promise((r) => setTimeout(r, 30)),
    quiet: 80,
    gather: 5,
  });
  return seen;
}

test("a stream that breaks goes on where it was", async () => {
  const seen = await run([
    async function* () {
      yield change("c1");
      yield change("c2", "Node");
      yield change("c3", "Finding");
      throw new ConnectError("the server stops", Code.Unavailable);
    },
    async function* () {
      yield change("c4", "Node");
    },
  ]);
  expect(seen.cursors).toEqual(["", "c3", "c4"]);
  expect(seen.changed).toEqual(["Finding,Node", "Node"]);
  expect(seen.each).toEqual(["begins", "c2", "c3", "c4"]);
  expect(seen.links).toEqual(["live", "offline", "connecting", "live", "offline", "connecting"]);
});

test("a cursor that is too old makes everything old", async () => {
  const { ErrorDetailSchema } = await import("@/gen/common_pb");
  const { toBinary } = await import("@bufbuild/protobuf");
  const seen = await run([
    async function* () {
      yield change("c1");
      const err = new ConnectError("old", Code.FailedPrecondition);
      err.details = [
        { type: "bulkhead.v1.ErrorDetail", value: toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { code: "expired" })) },
      ];
      throw err;
    },
  ]);
  expect(seen.cursors).toEqual(["", ""]);
  expect(seen.changed).toEqual(["all"]);
});

test("a stream that falls silent is given up", async () => {
  const seen = await run([
    async function* (signal) {
      yield change("c1");
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new ConnectError("gone", Code.Canceled))));
    },
  ]);
  expect(seen.cursors).toEqual(["", "c1"]);
  expect(seen.links).toEqual(["live", "offline", "connecting"]);
});

test("who may not watch is not told that the server is away, and does not ask again", async () => {
  const { ErrorDetailSchema } = await import("@/gen/common_pb");
  const { toBinary } = await import("@bufbuild/protobuf");
  // biome-ignore lint/correctness/useYield: it is refused before anything comes
  const refused = async function* (): AsyncGenerator<Change> {
    const err = new ConnectError("no", Code.PermissionDenied);
    err.details = [
      { type: "bulkhead.v1.ErrorDetail", value: toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { code: "denied" })) },
    ];
    throw err;
  };
  const seen = await run([refused]);
  expect(seen.cursors).toEqual([""]);
  expect(seen.links).toEqual(["still"]);
});

test("a session that ended is not asked for again and again", async () => {
  const seen = await run([
    async function* () {
      yield change("c1");
      throw new ConnectError("over", Code.Unauthenticated);
    },
    async function* () {
      yield change("never");
    },
  ]);
  expect(seen.cursors).toEqual([""]);
  expect(seen.asked).toBe(1);
});

test("a session that was made anew goes on where it was", async () => {
  const seen = await run(
    [
      async function* () {
        yield change("c1");
        throw new ConnectError("another secret", Code.Unauthenticated);
      },
      async function* () {
        yield change("c2");
      },
    ],
    true,
  );
  expect(seen.cursors).toEqual(["", "c1", "c2"]);
});
