import { plain } from "./plain";

/** What no shell takes for anything but itself, and no program for a flag: ids, versions, paths. */
const harmless = /^[A-Za-z0-9_./][A-Za-z0-9_./:@%+,-]*$/;

/**
 * shellQuoted is text as one word of a shell, whatever it has. Commands that the console makes to be copied have text of nodes in them, and a
 * node may be in foreign hands: nothing in it ends the word, and what a terminal would obey when it is pasted is written out.
 */
export function shellQuoted(s: string): string {
  if (harmless.test(s)) return s;
  return `'${plain(s).replaceAll("'", "'\\''")}'`;
}

/** command is a template for one, in which each text that is put in is a word of its own: command`bulkhead audit record ${id}`. */
export function command(parts: TemplateStringsArray, ...words: string[]): string {
  return parts.map((p, i) => p + (i < words.length ? shellQuoted(words[i] ?? "") : "")).join("");
}
