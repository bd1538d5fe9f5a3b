// @vitest-environment node
import { afterEach, expect, test, vi } from "vitest";
import { mostColumns, mostRows, patience, Screen } from "./screen";
import { linesOf } from "./text";

// Who records may be hostile: a few bytes must not keep the page busy for long, and what follows them is shown.

const output = (data: string) => [{ at: 0, code: "o", data }];
const textOf = (s: Screen) => s.picture().rows.map((r) => r.map((x) => x.text).join(""));

/** What a screen shows at its end, and the longest time for which nothing else could run. */
async function shownBy(data: string): Promise<{ last: string; stuck: number }> {
  const s = new Screen({ width: mostColumns, height: mostRows });
  let [stuck, before] = [0, performance.now()];
  const look = setInterval(() => {
    const now = performance.now();
    [stuck, before] = [Math.max(stuck, now - before), now];
  }, 1);
  await s.write(output(`${data}\u001b[m\u001b[r\u001b[${mostRows}H\u001b[2Kend`));
  clearInterval(look);
  stuck = Math.max(stuck, performance.now() - before);
  const last = textOf(s).at(-1) ?? "";
  s.close();
  return { last, stuck };
}

const huge = [1001, 99_999_999, 2 ** 31 - 1, 2 ** 40];
const finals = [..."@ABCDEFGHIJKLMPSTXZ`abcdefghlmnqrstu", " @", " A", " q", "!p", "'}", "'~", '"q', "$p"];

test.each(finals)("a huge number before %s is left out or harmless", async (final) => {
  const began = performance.now();
  for (const n of huge)
    for (const prefix of ["", "?", ">"])
      expect((await shownBy(`x\u001b[${prefix}${n}${final}\u001b[1;${prefix}${n}${final}y`)).last).toBe("end");
  expect(performance.now() - began).toBeLessThan(4000);
});

test("what is repeated as often as a screen is large is done", async () => {
  const s = new Screen({ width: 20, height: 3 });
  await s.write(output("x\u001b[9b\r\nsecond\u001b[1S"));
  expect(textOf(s)).toEqual(["second", "", ""]);
  await s.write(output("\u001b[2J\u001b[H😀\u001b[3b"));
  expect(textOf(s)[0]).toBe("😀😀😀😀");
  // What is written at once is cut nowhere that shows.
  await s.write(output(`\u001bc${"\u001b[H😀".repeat(400)}`));
  expect(textOf(s)[0]).toBe("😀");
  s.close();
});

const many = (s: string) => s.repeat((8 << 10) / s.length);
test.each([
  ["scrolls", many("\u001b[1000S")],
  ["inserted lines", many("\u001b[999L\u001b[999M")],
  ["repeated characters", many("x\u001b[1000b")],
  ["a character of many", `a${"\u0301".repeat(30_000)}\u001b[1000b${many("\u0301\u001b[1000b")}`],
  ["tabs", many("\u001b[3g\u001b[1000I\u001b[1000Z")],
  ["columns", many("\u001b['}")],
  ["erased screens", many("\u001b[2J")],
  ["test patterns", many("\u001b#8")],
  ["resets", many("\u001bc")],
  ["modes", many("\u001b[?25;47;1047;1049h\u001b[?25;47;1047;1049l")],
  ["regions", many("\u001b[2;2147483647r\u001bM\u001b[H\u001bM")],
  ["links", `${many("\u001b]8;;http://a.test\u0007x\r")}${many("\u001b[L")}`],
  ["a list of colours", `\u001b]4${";".repeat(1_000_000)}\u0007`],
])(
  "many %s leave the page alive",
  async (_, data) => {
    const { last, stuck } = await shownBy(data);
    expect(last).toBe("end");
    expect(stuck).toBeLessThan(1500);
  },
  60_000,
);

test("a cell has as many characters as somebody can see", async () => {
  const s = new Screen({ width: 20, height: 3 });
  await s.write(output(`a${"\u0301".repeat(10_000)}b`));
  expect(textOf(s)[0]).toHaveLength(33);
  s.close();
});

afterEach(() => vi.useRealTimers());

test("a terminal that fails ends no replay", async () => {
  vi.useFakeTimers();
  const s = new Screen({ width: 20, height: 3 });
  const inside = s as unknown as { term: { write: (text: string, done: () => void) => void } };
  const stale: (() => void)[] = [];
  inside.term.write = (_, done) => stale.push(done); // one that threw: nothing is called any more
  const written = s.write(output("lost".repeat(1000)));
  await vi.advanceTimersByTimeAsync(patience);
  await written;
  const next = s.write(output("shown"));
  for (const done of stale) done();
  await vi.advanceTimersByTimeAsync(100);
  await next;
  expect(textOf(s)).toEqual(["shown", "", ""]);
  s.close();
});

test("a line that begins anew for ever is read in time", () => {
  const began = performance.now();
  expect(linesOf(output(`${"\r".repeat(200_000)}${"\r\b".repeat(200_000)}end`)).map((l) => l.text)).toEqual(["end"]);
  expect(performance.now() - began).toBeLessThan(3000);
});
