import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useSyncExternalStore } from "react";
import { type Record as AuditRecord, type SearchRecordsRequest, SearchRecordsRequestSchema } from "@/gen/audit_pb";
import { dateOf } from "@/lib/time";

/** Where the lines go. */
export interface Sink {
  write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All is written. */
  close(): Promise<void>;
  /** Nothing of it is wanted. */
  abort(): Promise<void>;
  /** Most bytes that it takes; undefined for as many as the disk has. */
  most?: number;
}

export interface Exported {
  name: string;
  state: "running" | "done" | "cancelled" | "failed" | "full";
  records: number;
  bytes: number;
  /** The time of the newest record that is written; records come oldest first. */
  upTo?: Date;
  since?: Date;
  until: Date;
  error?: unknown;
}

/** What the API is asked for; the stream that it answers with. */
export type Reader = (request: SearchRecordsRequest, signal: AbortSignal) => AsyncIterable<AuditRecord>;

export interface Wanted {
  tenant: string;
  filter: string;
  since?: Date;
  until?: Date;
}

/** Bytes that are written together. */
const together = 256 << 10;
const newline = Uint8Array.of(10);

// The export goes on when its page is left, and is found again there. It ends with the window.
let current: Exported | undefined;
let control: AbortController | undefined;
const readers = new Set<() => void>();
function show(next: Exported | undefined) {
  current = next;
  for (const r of readers) r();
}

export function useExported(): Exported | undefined {
  return useSyncExternalStore(
    (r) => {
      readers.add(r);
      return () => readers.delete(r);
    },
    () => current,
  );
}

export const cancelExport = (): void => control?.abort();

export function forgetExport(): void {
  if (current?.state !== "running") show(undefined);
}

/** startExport writes records as lines, each the very bytes that stand in the log, as `bulkhead audit export` does. */
export async function startExport(
  name: string,
  of: Wanted,
  read: Reader,
  sink: Sink,
  now = new Date(),
): Promise<Exported | undefined> {
  if (current?.state === "running") return current;
  const own = new AbortController();
  control = own;
  const x: Exported = { name, state: "running", records: 0, bytes: 0, since: of.since, until: of.until ?? now };
  show({ ...x });
  let parts: Uint8Array[] = [];
  let held = 0;
  const flush = async () => {
    const chunk = new Uint8Array(held);
    let at = 0;
    for (const p of parts) {
      chunk.set(p, at);
      at += p.length;
    }
    parts = [];
    held = 0;
    await sink.write(chunk);
    x.bytes += chunk.length;
    show({ ...x });
  };
  try {
    const request = create(SearchRecordsRequestSchema, {
      tenant: of.tenant,
      since: of.since && timestampFromDate(of.since),
      until: timestampFromDate(x.until), // exporting makes records, too
      page: { filter: of.filter, readMask: { paths: ["entry", "time"] } },
    });
    for await (const r of read(request, own.signal)) {
      const size = r.entry.length + 1;
      if (sink.most !== undefined && x.bytes + held + size > sink.most) {
        x.state = "full";
        own.abort();
        break;
      }
      parts.push(r.entry, newline);
      held += size;
      x.records++;
      x.upTo = dateOf(r.time) ?? x.upTo;
      if (held >= together) await flush();
    }
    if (own.signal.aborted && x.state === "running") throw own.signal.reason;
    await flush();
    await sink.close();
    if (x.state === "running") x.state = "done";
  } catch (err) {
    x.state = own.signal.aborted ? "cancelled" : "failed";
    if (x.state === "failed") x.error = err;
    await sink.abort().catch(() => undefined); // what failed says more
  }
  show({ ...x });
  return x;
}

/** Most bytes of a file that is made in memory. */
export const mostInMemory = 200 << 20;

interface Saver {
  showSaveFilePicker?: (o: { suggestedName: string; types: object[] }) => Promise<FileSystemFileHandle>;
}

export const canStream = (): boolean => (window as Saver).showSaveFilePicker !== undefined;

/** chooseSink asks where to write, in browsers that can write as lines come; undefined where somebody thought better of it. */
export async function chooseSink(name: string): Promise<Sink | undefined> {
  const pick = (window as Saver).showSaveFilePicker;
  if (pick === undefined) return memorySink(name);
  let file: FileSystemFileHandle;
  try {
    file = await pick.call(window, {
      suggestedName: name,
      types: [{ description: "JSON Lines", accept: { "application/jsonl": [".jsonl"] } }],
    });
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") return undefined;
    throw err;
  }
  const out = await file.createWritable();
  return { write: (chunk) => out.write(chunk), close: () => out.close(), abort: () => out.abort() };
}

function memorySink(name: string): Sink {
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  return {
    most: mostInMemory,
    write: async (chunk) => {
      chunks.push(chunk);
    },
    close: async () => {
      const url = URL.createObjectURL(new Blob(chunks, { type: "application/jsonl" }));
      chunks = [];
      const a = document.createElement("a");
      a.href = url;
      a.download = name;
      a.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    abort: async () => {
      chunks = [];
    },
  };
}
