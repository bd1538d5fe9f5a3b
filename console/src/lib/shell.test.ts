import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { command, shellQuoted } from "./shell";

const foreign = ["", "n", "it's", '$(touch x) `id` ; & | > \\ " * ~ #', "';id;'", "''", "-rf", "a\\'b"];

test("a shell takes whatever a node says as one word, and nothing else", () => {
  for (const s of foreign) {
    const words = execFileSync("sh", ["-c", `printf '[%s]' a ${shellQuoted(s)} z`], { encoding: "utf8" });
    expect(words).toBe(`[a][${s}][z]`);
  }
});

test("what is harmless stands as it is", () => {
  for (const s of ["8.5.d", "01a218e0-f0d9-72b3-a379-0a6d98151a41", "/var/lib/x", "web:1.0", "a@sha256:00"])
    expect(shellQuoted(s)).toBe(s);
  for (const s of ["-rf", "a=b", "~", "a b", "é", "a\n", "{a,b}"]) expect(shellQuoted(s)).not.toBe(s);
});

test("nothing that a terminal obeys is pasted", () => {
  expect(shellQuoted("a\u0003\nrm\u001b[201~\u202eb")).toBe("'a\\u0003\\u000arm\\u001b[201~\\u202eb'");
});

test("a command has each text in its own quotes", () => {
  expect(command`bulkhead verify ${"x; id"} --node ${"it's"}`).toBe("bulkhead verify 'x; id' --node 'it'\\''s'");
});
