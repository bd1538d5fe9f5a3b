import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { beforeEach, expect, test } from "vitest";
import { type Record as AuditRecord, RecordSchema } from "@/gen/audit_pb";
import { cancelExport, forgetExport, type Sink, startExport } from "./exporting";

const record = (i: number, size = 20): AuditRecord =>
  create(RecordSchema, {
    entry: new TextEncoder().encode(`{"n":"${String(i).padStart(size, "0")}"}`),
    time: timestampFromDate(new Date(1_700_000_000_000 + i * 1000)),
  });

class File implements Sink {
  text = "";
  most?: number;
  writes = 0;
  state = "open";
  async write(chunk: Uint8Array<ArrayBuffer>) {
    this.writes++;
    this.text += new TextDecoder().decode(chunk);
  }
  async close() {
    this.state = "closed";
  }
  async abort() {
    this.state = "aborted";
  }
}

const wanted = { tenant: "acme", filter: 'action = "SignIn"' };
let asked: unknown;
const some = (n: number, size?: number, then?: (i: number) => void) =>
  async function* (request: object, signal: AbortSignal) {
    asked = request;
    for (let i = 0; i < n; i++) {
      then?.(i);
      if (signal.aborted) throw signal.reason;
      yield record(i, size);
    }
  };

beforeEach(() => forgetExport());

test("each record is a line of the very bytes, oldest first, and they are counted", async () => {
  const file = new File();
  const now = new Date("2026-01-01T00:00:00Z");
  const x = await startExport("a.jsonl", wanted, some(3), file, now);
  expect(x).toMatchObject({ state: "done", records: 3, bytes: file.text.length, upTo: new Date(1_700_000_002_000) });
  expect(file.text.split("\n")).toEqual([0, 1, 2].map((i) => new TextDecoder().decode(record(i).entry)).concat(""));
  expect(file.state).toBe("closed");
  expect(asked).toMatchObject({ tenant: "acme", page: { filter: wanted.filter, readMask: { paths: ["entry", "time"] } } });
  expect(asked).toMatchObject({ until: timestampFromDate(now) });
});

test("what is held at once is bounded, however long the stream", async () => {
  const file = new File();
  await startExport("a.jsonl", wanted, some(3000, 1000), file);
  expect(file.writes).toBeGreaterThan(10);
});

test("a file in memory ends at its bound, with whole lines", async () => {
  const file = new File();
  file.most = 1000;
  const x = await startExport("a.jsonl", wanted, some(1000), file);
  expect(x?.state).toBe("full");
  expect(file.text.length).toBeLessThanOrEqual(1000);
  expect(file.text.endsWith("}\n")).toBe(true);
  expect(file.text.trim().split("\n").length).toBe(x?.records);
});

test("who cancels has no file, and who starts twice has the first", async () => {
  const file = new File();
  let second: unknown;
  const x = await startExport(
    "a.jsonl",
    wanted,
    some(1000, 20, (i) => {
      if (i === 5) second = startExport("b.jsonl", wanted, some(1), new File());
      if (i === 10) cancelExport();
    }),
    file,
  );
  expect(x?.state).toBe("cancelled");
  expect(file.state).toBe("aborted");
  expect(await second).toMatchObject({ name: "a.jsonl" });
});

test("a stream that breaks is told, and leaves no half file", async () => {
  const file = new File();
  const broken = some(10, 20, (i) => {
    if (i === 4) throw new Error("the server stopped");
  });
  const x = await startExport("a.jsonl", wanted, broken, file);
  expect(x).toMatchObject({ state: "failed", error: new Error("the server stopped") });
  expect(file.state).toBe("aborted");
});
