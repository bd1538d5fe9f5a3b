import { type Column, textOf, type Value } from "./columns";

// A program for tables takes what begins with one of these for a formula, also behind spaces, and some take the wide forms.
const formula = /^[\s\u00a0]*[=+\-@\t\r\n＝＋－＠]/;

/** field is a value in a file of values with commas (RFC 4180). Text that a program would compute gets an apostrophe before it. */
export function field(v: Value): string {
  let text = textOf(v);
  if (typeof v === "string" && formula.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** csv has all columns, also hidden ones, and begins with the mark by which programs know UTF-8. */
export function csv<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const lines = [columns.map((c) => field(c.header)), ...rows.map((r) => columns.map((c) => field(c.value(r))))];
  return `\ufeff${lines.map((l) => l.join(",")).join("\r\n")}\r\n`;
}

/** json has the values by the ids of their columns. */
export function json<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  return JSON.stringify(
    rows.map((r) => Object.fromEntries(columns.map((c) => [c.id, c.value(r) ?? null]))),
    undefined,
    1,
  );
}

/** save gives a text to the person as a file. */
export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
