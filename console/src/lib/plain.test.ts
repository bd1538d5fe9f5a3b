import { expect, test } from "vitest";
import { plain } from "./plain";

test("what turns text round or hides in it is shown", () => {
  expect(plain("\u202etxt.exe")).toBe("\\u202etxt.exe");
  expect(plain("a\u200bb\u0007\n")).toBe("a\\u200bb\\u0007\\u000a");
  expect(plain("数据库-主 <b>é</b>")).toBe("数据库-主 <b>é</b>");
});
