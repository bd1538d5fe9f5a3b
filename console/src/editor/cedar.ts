import { LanguageSupport, StreamLanguage, type StringStream } from "@codemirror/language";

const words = new Set(["permit", "forbid", "when", "unless"]);
const operators = new Set(["in", "has", "like", "is", "if", "then", "else"]);
const variables = new Set(["principal", "action", "resource", "context"]);

/** token is the next piece of Cedar and what it is: enough to colour it, not to judge it. The server does that. */
export function token(s: StringStream): string | null {
  if (s.eatSpace()) return null;
  if (s.match("//")) {
    s.skipToEnd();
    return "lineComment";
  }
  if (s.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
  if (s.match(/^@[A-Za-z_]\w*/)) return "annotation";
  if (s.match(/^\d+/)) return "number";
  if (s.match(/^[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+/)) return "typeName";
  const word = s.match(/^[A-Za-z_]\w*/);
  if (word !== null && word !== true && word !== false) {
    const w = (word as RegExpMatchArray)[0];
    if (words.has(w)) return "keyword";
    if (operators.has(w)) return "operatorKeyword";
    if (variables.has(w)) return "atom";
    if (w === "true" || w === "false") return "bool";
    return "variableName";
  }
  if (s.match(/^(?:==|!=|<=|>=|&&|\|\||[<>!+\-*])/)) return "operator";
  s.next();
  return null;
}

export const cedar = () =>
  new LanguageSupport(
    StreamLanguage.define({
      name: "cedar",
      token,
      languageData: { commentTokens: { line: "//" }, closeBrackets: { brackets: ["(", "{", "[", '"'] } },
    }),
  );
