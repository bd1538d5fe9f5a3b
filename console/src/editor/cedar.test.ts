import { StringStream } from "@codemirror/language";
import { expect, test } from "vitest";
import { token } from "./cedar";

function tokens(line: string): string[] {
  const s = new StringStream(line, 2, 2);
  const out: string[] = [];
  while (!s.eol()) {
    s.start = s.pos;
    const kind = token(s);
    expect(s.pos, `no step in ${line}`).toBeGreaterThan(s.start);
    if (kind !== null) out.push(`${kind} ${s.current()}`);
  }
  return out;
}

test("the pieces of a policy", () => {
  expect(tokens('@id("a\\"b") // why')).toEqual(["annotation @id", 'string "a\\"b"', "lineComment // why"]);
  expect(tokens('permit (principal in Bulkhead::Group::"g", action, resource is Bulkhead::Container)')).toEqual([
    "keyword permit",
    "atom principal",
    "operatorKeyword in",
    "typeName Bulkhead::Group",
    'string "g"',
    "atom action",
    "atom resource",
    "operatorKeyword is",
    "typeName Bulkhead::Container",
  ]);
  expect(tokens("when { context.mfa == true && resource.n >= 10 };")).toEqual([
    "keyword when",
    "atom context",
    "variableName mfa",
    "operator ==",
    "bool true",
    "operator &&",
    "atom resource",
    "variableName n",
    "operator >=",
    "number 10",
  ]);
});

test("half a text and strange text come to an end", () => {
  for (const line of ['"never closed', "@", "::", "permit(", "容器 \u202e", "'"]) tokens(line);
});
