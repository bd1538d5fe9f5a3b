import type { CastEvent } from "./cast";
import { shown } from "./screen";

/** A line of what was on the screen, with when it began. */
export interface TextLine {
  at: number;
  text: string;
}

const mostLine = 2000;
const mostLines = 200_000;
const mostString = 64 << 10;

// eslint-like names of the states of a terminal that reads a sequence.
type State = "text" | "escape" | "between" | "csi" | "string" | "stringEscape";

/** Strip takes control sequences out of text. One that never ends does not hide what comes after it. */
export class Strip {
  private state: State = "text";
  private length = 0;

  take(data: string): string {
    let out = "";
    for (const c of data) {
      if (this.state === "text") {
        if (c === "\u001b") this.state = "escape";
        else if (c === "\u009b") this.begin("csi");
        else if (/[\u0090\u0098\u009d-\u009f]/.test(c)) this.begin("string");
        else out += c;
      } else out += this.sequence(c);
    }
    return out;
  }

  private begin(state: State): void {
    this.state = state;
    this.length = 0;
  }

  /** sequence takes a character of a sequence, and gives it back where it is none. */
  private sequence(c: string): string {
    const ends = (): string => {
      this.state = "text";
      return "";
    };
    if (c === "\u0018" || c === "\u001a") return ends();
    if (this.state === "string" || this.state === "stringEscape") {
      if (c === "\n" || ++this.length > mostString) {
        this.state = "text";
        return c;
      }
      if (c === "\u0007" || c === "\u009c" || (this.state === "stringEscape" && c === "\\")) return ends();
      this.state = c === "\u001b" ? "stringEscape" : "string";
      return "";
    }
    if (c === "\u001b") {
      this.state = "escape";
      return "";
    }
    if (c < " ") return c === "\n" || c === "\r" ? this.text(c) : "";
    if (this.state === "escape") {
      if (c === "[") this.begin("csi");
      else if ("]PX^_".includes(c)) this.begin("string");
      else if (c <= "/") this.state = "between";
      else return ends();
      return "";
    }
    if (this.state === "between") return c <= "/" ? "" : ends();
    if (c >= "@" && c <= "~") return ends();
    return c <= "?" ? "" : this.text(c); // no parameter of a sequence
  }

  private text(c: string): string {
    this.state = "text";
    return c;
  }
}

/** linesOf is what was written, line by line, without what moves or colours it: to be read and searched. */
export function linesOf(events: readonly CastEvent[]): TextLine[] {
  const lines: TextLine[] = [];
  const strip = new Strip();
  let line = "";
  let at = 0;
  const end = () => {
    if (lines.length < mostLines) lines.push({ at, text: shown(line.replaceAll("\t", "    ")).trimEnd() });
    line = "";
  };
  for (const e of events) {
    if (e.code !== "o") continue;
    for (const piece of strip.take(e.data).split(/(\n)/)) {
      if (piece === "\n") end();
      else if (piece !== "") {
        if (line === "") at = e.at;
        line = overwritten(line, piece);
      }
    }
  }
  if (line !== "") end();
  return lines;
}

/** A carriage return begins a line anew, a backspace takes a character back. */
function overwritten(line: string, piece: string): string {
  let out = line;
  for (const c of piece) {
    if (c === "\b") out = out.slice(0, -1);
    else if (c === "\r") out = out.endsWith("\r") ? out : `${out}\r`;
    else {
      if (out.endsWith("\r")) out = "";
      if (out.length < mostLine) out += c;
    }
  }
  return out;
}

/** found are the lines that have some words, in any case. */
export function found(lines: readonly TextLine[], words: string): TextLine[] {
  const w = words.trim().toLowerCase();
  return w === "" ? [...lines] : lines.filter((l) => l.text.toLowerCase().includes(w));
}
