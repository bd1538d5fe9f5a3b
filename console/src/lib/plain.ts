const hidden = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** plain shows what somebody can put into a name to make it look like another one: control characters and those that turn text round. */
export function plain(s: string): string {
  return s.replaceAll(hidden, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}

/** The same for text of several lines. */
export function plainLines(s: string): string {
  return s.split("\n").map(plain).join("\n");
}
