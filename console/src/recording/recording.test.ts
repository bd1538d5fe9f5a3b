// @vitest-environment node
import { webcrypto } from "node:crypto";
import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { beforeAll, expect, test } from "vitest";
import { type CastEvent, eventOf, headerOf, sizeOf } from "./cast";
import { keysOf, partsOf, readRecording } from "./read";
import { colorOf, mostColumns, mostRows, Screen } from "./screen";
import { found, linesOf, Strip } from "./text";
import { clock, momentOf, timelineOf, upTo } from "./timeline";

globalThis.crypto ??= webcrypto as Crypto; // Node.js 18 has it there only

let identity: string;
let recipient: string;
beforeAll(async () => {
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});

const id = "0198f2c4-0000-7000-8000-000000000001";
const head = `${JSON.stringify({ version: 2, width: 80, height: 24, title: "t", bulkhead: { id } })}\n`;
const line = (at: number, code: string, data: string) => `${JSON.stringify([at, code, data])}\n`;
const segment = (n: number, of = id) => line(0, "m", `bulkhead:segment:${of}:${n}`);

async function part(text: string): Promise<Uint8Array> {
  const e = new Encrypter();
  e.addRecipient(recipient);
  return e.encrypt(text);
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((p) => [...p]));
const datas = (events: readonly CastEvent[]) => events.map((e) => e.data);

test("a recording is read part by part", async () => {
  const parts = [
    await part(head),
    await part(segment(1) + line(1, "o", "hello")),
    await part(segment(2) + line(2.5, "r", "100x30") + line(2.25, "o", "bye")),
  ];
  expect([...partsOf(joined(...parts))]).toEqual(parts);
  const r = await readRecording(joined(...parts), `# created: today\n# public key: ${recipient}\n${identity}\n`);
  expect(r.header).toMatchObject({ width: 80, height: 24, id });
  expect(r.events).toEqual([
    { at: 1, code: "o", data: "hello" },
    { at: 2.5, code: "r", data: "100x30" },
    { at: 2.5, code: "o", data: "bye" },
  ]);
  expect(r.parts).toBe(3);
  expect(r.damaged).toBe(0);
});

test("what is missing, exchanged, foreign or damaged shows, and the rest is read", async () => {
  const [a, b, c] = [await part(head), await part(segment(1) + line(1, "o", "one")), await part(segment(2) + line(2, "o", "two"))];
  const missing = await readRecording(joined(a, c), identity);
  expect(missing.damaged).toBe(1);
  expect(datas(missing.events)).toEqual([expect.stringContaining("something else stands where part 2"), "two"]);
  const exchanged = await readRecording(joined(a, c, b), identity);
  expect(exchanged.damaged).toBe(2);
  const foreign = await readRecording(joined(a, await part(segment(1, "other") + line(1, "o", "x")), c), identity);
  expect(foreign.damaged).toBe(1);
  const broken = Uint8Array.from(b);
  broken[broken.length - 3] = (broken.at(-3) ?? 0) ^ 1;
  const damaged = await readRecording(joined(a, broken, c), identity);
  expect(damaged.damaged).toBeGreaterThan(0);
  expect(datas(damaged.events)).toContain("two");
  const long = await part(
    segment(1) + Array.from({ length: 4000 }, (_, i) => line(i, "o", `line ${i} ${"x".repeat(20)}`)).join(""),
  );
  const cut = await readRecording(joined(a, long.subarray(0, long.length - 100)), identity);
  expect(cut.events.length).toBeGreaterThan(1000); // the chunks before the damage
  expect(cut.damaged).toBeGreaterThan(0);
});

test("who has no key reads nothing, and is told why", async () => {
  const file = await part(head);
  await expect(readRecording(file, await generateX25519Identity())).rejects.toMatchObject({ why: "otherKeys" });
  await expect(readRecording(file, recipient)).rejects.toMatchObject({ why: "identity" });
  await expect(readRecording(file, "AGE-SECRET-KEY-1WRONG")).rejects.toMatchObject({ why: "identity" });
  await expect(readRecording(new Uint8Array([1, 2, 3]), identity)).rejects.toMatchObject({ why: "damaged" });
  await expect(readRecording(await part("{}\n"), identity)).rejects.toMatchObject({ why: "header" });
  await expect(readRecording(new Uint8Array(), identity)).rejects.toMatchObject({ why: "header" });
  expect(() => keysOf("")).toThrow();
});

test("lines that are none are refused", () => {
  for (const l of ["", "[]", "[1,2,3]", '["1","o","x"]', '[-1,"o","x"]', '[1e99,"o","x"]', '[1,"o"]', "{", "null", '[1,"o",{}]']) {
    expect(eventOf(l), l).toBeUndefined();
  }
  for (const l of [
    "",
    "[]",
    '{"version":1,"width":1,"height":1}',
    '{"version":2,"width":0,"height":1}',
    '{"version":2,"width":1e9,"height":1}',
  ]) {
    expect(headerOf(l), l).toBeUndefined();
  }
  expect(sizeOf("100x30")).toEqual({ width: 100, height: 30 });
  for (const s of ["", "x", "0x1", "1x", "99999x1", "1x1x1", "-1x5"]) expect(sizeOf(s), s).toBeUndefined();
});

// Random bytes and mutations of a real recording: it is read or refused, in bounded time, and never anything else.
test("foreign bytes", async () => {
  const file = joined(await part(head), await part(segment(1) + line(1, "o", "hello")));
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % n;
  };
  for (let i = 0; i < 150; i++) {
    const b = Uint8Array.from(file);
    for (let k = random(4) + 1; k > 0; k--) b[random(b.length)] = random(256);
    const cut = b.subarray(0, random(3) === 0 ? random(b.length) : b.length);
    try {
      const r = await readRecording(cut, identity);
      expect(r.events.length).toBeLessThan(20);
    } catch (err) {
      expect((err as { why?: string }).why, String(err)).toBeDefined();
    }
  }
});

test("pauses are bounded, and places are found again", () => {
  const events = [0.5, 1, 61, 61, 62].map((at) => ({ at, code: "o", data: "" }));
  const whole = timelineOf(events, 0);
  const short = timelineOf(events, 2);
  expect(whole.length).toBe(62);
  expect([...short.times]).toEqual([0.5, 1, 3, 3, 4]);
  expect([upTo(short, 0), upTo(short, 1), upTo(short, 3), upTo(short, 99)]).toEqual([0, 2, 4, 5]);
  expect(momentOf(whole, short, 61.5)).toBe(3);
  expect(momentOf(short, whole, 0)).toBe(0);
  expect([clock(0), clock(62), clock(3723), clock(-1)]).toEqual(["0:00", "1:02", "1:02:03", "0:00"]);
});

const shownBy = async (...events: [string, string][]) => {
  const s = new Screen({ width: 20, height: 3 });
  await s.write(events.map(([code, data]) => ({ at: 0, code, data })));
  const p = s.picture();
  s.close();
  return p;
};
const textOf = (p: { rows: readonly (readonly { text: string }[])[] }) => p.rows.map((r) => r.map((x) => x.text).join(""));

test("a screen shows text and colours", async () => {
  const p = await shownBy(["o", "\u001b[31mred\u001b[0m plain \u001b[1;38;2;1;2;3mx\r\n\u001b[0;7minverse"]);
  expect(p.rows[0]).toEqual([{ text: "red", fg: 1 }, { text: " plain " }, { text: "x", fg: "#010203", bold: true }]);
  expect(p.rows[1]).toEqual([{ text: "inverse", fg: "back", bg: "front" }]);
  expect(p.cursor).toEqual({ x: 7, y: 1 });
  expect((await shownBy(["o", "\u001b[?25l"])).cursor).toBeUndefined();
  const wide = await shownBy(["o", "ab"], ["r", "5x2"], ["o", "\r\ncd"]);
  expect(wide.columns).toBe(5);
  expect(textOf(wide)).toEqual(["ab", "cd"]);
  const huge = new Screen({ width: 10_000, height: 10_000 });
  expect(huge.picture().columns).toBe(mostColumns);
  expect(huge.picture().rows.length).toBe(mostRows);
  expect([colorOf(1), colorOf(16), colorOf(231), colorOf(232)]).toEqual([
    undefined,
    "rgb(0, 0, 0)",
    "rgb(255, 255, 255)",
    "rgb(8, 8, 8)",
  ]);
});

test("a hostile program does nothing but show text", async () => {
  const p = await shownBy([
    "o",
    "\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u0007\u001b]8;;https://evil.test\u0007link\u001b]8;;\u0007\u001b[c\u001b[6n\u001b[8;99;999t<img src=x>\u202eabc",
  ]);
  expect(p.columns).toBe(20);
  expect(textOf(p).join("")).toBe("link<img src=x>abc");
  // A sequence that never ends hides nothing for ever.
  expect(linesOf([{ at: 0, code: "o", data: "a\u001b]52;c;\nb\u001bPq\nc\u001b[1;\nd\n" }]).map((l) => l.text)).toEqual([
    "a",
    "b",
    "c",
    "d",
  ]);
});

test("text without what moves it", () => {
  const strip = new Strip();
  expect(strip.take("a\u001b[3") + strip.take("1mb\u001b(Bc\u001b]0;x\u001b") + strip.take("\\d\u009b1me")).toBe("abcde");
  const lines = linesOf([
    { at: 1, code: "o", data: "$ lx\bs\r\n" },
    { at: 2, code: "i", data: "secret" },
    { at: 3, code: "o", data: "10 %\r20 %\r100 %\r\nlast" },
  ]);
  expect(lines).toEqual([
    { at: 1, text: "$ ls" },
    { at: 3, text: "100 %" },
    { at: 3, text: "last" },
  ]);
  expect(found(lines, " LS ")).toHaveLength(1);
  expect(found(lines, "")).toHaveLength(3);
});
