import { Decrypter } from "age-encryption";
import { type CastEvent, eventOf, type Header, headerOf } from "./cast";

// A recording is age files one after another, each of which but the first says which it is. This is what guard/sessions/read.go does, in
// the browser of whoever has the key: the key is in no request, and nowhere but in the memory of the page.

export interface Recording {
  header: Header;
  events: CastEvent[];
  parts: number;
  /** Parts that could not be read, or are others than they should be. */
  damaged: number;
}

/** Why a recording can't be read. */
export class Unreadable extends Error {
  constructor(readonly why: "identity" | "otherKeys" | "damaged" | "header") {
    super(why);
  }
}

const mark = new TextEncoder().encode("age-encryption.org/v1\n");
const mostPart = 2 << 20;
const mostIdentity = 64 << 10;
const mostKeys = 64;

/** keysOf takes the keys out of a file as `bulkhead guard keys new` writes it. */
export function keysOf(file: string): string[] {
  const keys = file
    .slice(0, mostIdentity)
    .split(/\r?\n/)
    .map((l) => l.trim())
    .filter((l) => l !== "" && !l.startsWith("#"));
  if (keys.length === 0 || keys.length > mostKeys || !keys.every((k) => /^AGE-SECRET-KEY-[0-9A-Z-]+$/.test(k)))
    throw new Unreadable("identity");
  return keys;
}

/** partsOf cuts a file where age files begin. What one begins with is in the middle of none but by forgery, which then can't be read. */
export function* partsOf(file: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  while (from < file.length) {
    const next = begins(file, from + 1);
    yield file.subarray(from, next);
    from = next;
  }
}

function begins(file: Uint8Array, from: number): number {
  for (let i = file.indexOf(97, from); i >= 0; i = file.indexOf(97, i + 1)) {
    if (mark.every((b, k) => file[i + k] === b)) return i;
  }
  return file.length;
}

/** readRecording decrypts a file as far as it can be read. Where something is missing, a marker says so. */
export async function readRecording(file: Uint8Array, identity: string, progress?: (share: number) => void): Promise<Recording> {
  const d = new Decrypter();
  for (const key of keysOf(identity)) {
    try {
      d.addIdentity(key);
    } catch {
      throw new Unreadable("identity");
    }
  }
  const reader = new Reader(d);
  let done = 0;
  for (const part of partsOf(file)) {
    await reader.part(part);
    done += part.length;
    progress?.(done / file.length);
  }
  return reader.end();
}

class Reader {
  private header?: Header;
  private events: CastEvent[] = [];
  private n = 0;
  private bad = 0;
  private at = 0;

  constructor(private readonly d: Decrypter) {}

  async part(bytes: Uint8Array): Promise<void> {
    this.n++;
    const { text, failed } = bytes.length > mostPart ? { text: "", failed: "part" as const } : await opened(this.d, bytes);
    if (this.header === undefined) {
      this.begin(text, failed);
      return;
    }
    const lines = linesOf(text);
    if (failed === "part" || failed === "otherKeys") {
      this.damage(`part ${this.n} can't be decrypted`);
      return;
    }
    const first = eventOf(lines[0] ?? "");
    if (first?.code !== "m" || first.data !== `bulkhead:segment:${this.header.id}:${this.n - 1}`) {
      this.damage(
        `something else stands where part ${this.n} of it should be: parts are missing, repeated or of another recording`,
      );
      // What it has is shown all the same, as on the command line.
      this.take(first?.code === "m" ? lines.slice(1) : lines);
    } else this.take(lines.slice(1));
    if (failed === "end") this.damage(`the end of part ${this.n} can't be decrypted`);
  }

  private begin(text: string, failed: Failure | undefined): void {
    if (failed === "otherKeys") throw new Unreadable("otherKeys");
    if (failed === "part") throw new Unreadable("damaged");
    const lines = linesOf(text);
    this.header = headerOf(lines[0] ?? "");
    if (this.header === undefined) throw new Unreadable("header");
    this.take(lines.slice(1));
    if (failed === "end") this.damage("the end of part 1 can't be decrypted");
  }

  private take(lines: readonly string[]): void {
    for (const line of lines) {
      const e = eventOf(line);
      if (e === undefined) {
        this.damage("a line is no event of an asciicast");
        continue;
      }
      this.at = Math.max(this.at, e.at); // time does not go back
      this.events.push({ ...e, at: this.at });
    }
  }

  private damage(text: string): void {
    this.bad++;
    this.events.push({ at: this.at, code: "m", data: text, damaged: true });
  }

  end(): Recording {
    if (this.header === undefined) throw new Unreadable("header");
    return { header: this.header, events: this.events, parts: this.n, damaged: this.bad };
  }
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

type Failure = "otherKeys" | "part" | "end";

/** opened decrypts a part. Of one whose end is damaged it gives whole lines before the damage. */
async function opened(d: Decrypter, bytes: Uint8Array): Promise<{ text: string; failed?: Failure }> {
  let stream: ReadableStream<Uint8Array>;
  try {
    stream = await d.decrypt(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() as ReadableStream<Uint8Array>);
  } catch (err) {
    const other = err instanceof Error && err.message.includes("no identity matched");
    return { text: "", failed: other ? "otherKeys" : "part" };
  }
  const decoder = new TextDecoder();
  let text = "";
  const from = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await from.read();
      if (done) return { text: text + decoder.decode() };
      text += decoder.decode(value, { stream: true });
      if (text.length > mostPart) throw new Error("too large");
    }
  } catch {
    return { text: text.slice(0, text.lastIndexOf("\n") + 1), failed: "end" };
  }
}
