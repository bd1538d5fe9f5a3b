import { expect, test } from "vitest";
import { lines, plain } from "./plain";

test("what turns text round or hides in it is shown", () => {
  expect(plain("\u202etxt.exe")).toBe("\\u202etxt.exe");
  expect(plain("a\u200bb\u0007\n")).toBe("a\\u200bb\\u0007\\u000a");
  expect(plain("数据库-主 <b>é</b>")).toBe("数据库-主 <b>é</b>");
});

test("what people write keeps its lines, and nothing else that is hidden", () => {
  expect(lines("a\n\tb\u202e\r")).toBe("a\n\tb\\u202e\\u000d");
});
