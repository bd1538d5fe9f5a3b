import { type IBufferCell, Terminal } from "@xterm/headless";
import { type CastEvent, type Header, sizeOf } from "./cast";

// The terminal of xterm.js without its renderer: it makes cells of what was written, touches no page, and what it would answer, open,
// ring or copy goes nowhere, because nobody listens. The page draws the cells as text.

/** Characters that look alike, side by side. */
export interface Run {
  text: string;
  /** A number of the palette, "#rrggbb", or none for that of the page. */
  fg?: number | string;
  bg?: number | string;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: true;
  struck?: true;
}

/** What a screen shows. Rows that did not change are the same ones as before. */
export interface Picture {
  columns: number;
  rows: readonly (readonly Run[])[];
  /** Where the cursor is; undefined where it is hidden. */
  cursor?: { x: number; y: number };
}

/** Most that is drawn. A recording may say that its terminal is larger. */
export const mostColumns = 400;
export const mostRows = 150;

// What a recording may ask of its terminal. The sequences that are told to do something n times do it in a loop, for any n below 2^31, and
// some allocate as much; what is more than any screen needs is left out. What is written at once is bounded as well, because a terminal is
// not interrupted in the middle of it: between two pieces the page lives on.
const mostTimes = 1000; // of one sequence
const mostTimesAtOnce = 10_000; // of those of a piece
const piece = 1 << 10;
const mostOfCell = 32; // characters, which combine
/** How long the terminal may do nothing, in milliseconds, before it counts as failed. */
export const patience = 5000;

// Those sequences, by their last character: of what xterm.js knows, with what stands before it.
const repeating: { final: string; intermediates?: string }[] = [
  ..."STLMIZ@PX".split("").map((final) => ({ final })),
  { intermediates: " ", final: "@" },
  { intermediates: " ", final: "A" },
  { intermediates: "'", final: "}" },
  { intermediates: "'", final: "~" },
];
// Titles, colours and links, which no picture has: links and lists of colours take longer and longer.
const unseen = [0, 1, 2, 4, 8, 10, 11, 12, 104, 110, 111, 112];

const bounded = (width: number, height: number) => ({ cols: Math.min(width, mostColumns), rows: Math.min(height, mostRows) });

export class Screen {
  private term: Terminal;
  private hidden = false;
  private drawn: { key: string; runs: readonly Run[] }[] = [];
  private times = 0;

  constructor(h: Pick<Header, "width" | "height">) {
    this.term = this.terminal(bounded(Math.max(2, h.width), h.height));
  }

  private terminal(size: { cols: number; rows: number }): Terminal {
    const term = new Terminal({ ...size, scrollback: 0, allowProposedApi: true, logLevel: "off" });
    // Whether the cursor shows is in no public field.
    term.parser.registerCsiHandler({ prefix: "?", final: "h" }, (p) => this.modes(p, false));
    term.parser.registerCsiHandler({ prefix: "?", final: "l" }, (p) => this.modes(p, true));
    for (const id of repeating) term.parser.registerCsiHandler(id, (p) => this.tooOften(p));
    term.parser.registerCsiHandler({ final: "b" }, (p) => this.tooOften(p, before(term)));
    for (const id of unseen) term.parser.registerOscHandler(id, () => true);
    return term;
  }

  private modes(params: (number | number[])[], hidden: boolean): boolean {
    if (params.includes(25)) this.hidden = hidden;
    return false; // the terminal does the rest
  }

  /** tooOften says of a sequence that it is left out. What it repeats has so many characters. */
  private tooOften(params: (number | number[])[], characters = 1): boolean {
    const n = typeof params[0] === "number" ? Math.max(1, params[0]) * characters : 1;
    if (n > mostTimes || this.times + n > mostTimesAtOnce) return true;
    this.times += n;
    return false;
  }

  /** write shows events in their order. It is done when they are in the picture. */
  async write(events: readonly CastEvent[]): Promise<void> {
    let text = "";
    for (const e of events) {
      if (e.code === "o") text += e.data;
      const size = e.code === "r" ? sizeOf(e.data) : undefined;
      if (size === undefined) continue;
      await this.put(text); // what is written before it, and what after
      const { cols, rows } = bounded(Math.max(2, size.width), size.height);
      if (cols !== this.term.cols || rows !== this.term.rows) this.term.resize(cols, rows);
      text = "";
    }
    await this.put(text);
  }

  /** put always ends: a terminal that failed is never heard of again, and what follows is shown on another one. */
  private put(text: string): Promise<void> {
    if (text === "") return Promise.resolve();
    return new Promise((done) => {
      let over = false;
      const failed = () => {
        over = true;
        const { cols, rows } = this.term;
        this.term.dispose();
        this.term = this.terminal({ cols, rows });
        this.hidden = false;
        done();
      };
      let timer = setTimeout(failed, patience);
      for (let at = 0; at < text.length; at += piece) {
        const last = at + piece >= text.length;
        this.term.write(text.slice(at, at + piece), () => {
          if (over) return;
          this.times = 0;
          clearTimeout(timer);
          if (last) done();
          else timer = setTimeout(failed, patience);
        });
      }
    });
  }

  close(): void {
    this.term.dispose();
  }

  picture(): Picture {
    const b = this.term.buffer.active;
    const cell = b.getNullCell();
    const rows: (readonly Run[])[] = [];
    for (let y = 0; y < this.term.rows; y++) {
      const runs = runsOf(b.getLine(b.baseY + y), this.term.cols, cell);
      const key = JSON.stringify(runs);
      const same = this.drawn[y];
      rows.push(same?.key === key ? same.runs : runs);
      this.drawn[y] = { key, runs: rows[y] ?? runs };
    }
    this.drawn.length = this.term.rows;
    const cursor = this.hidden ? undefined : { x: b.cursorX, y: b.cursorY };
    return { columns: this.term.cols, rows, cursor };
  }
}

/** before is how many characters are in the cell before the cursor, which may be wide. */
function before(term: Terminal): number {
  const { cursorX: x, cursorY: y, baseY } = term.buffer.active;
  const line = term.buffer.active.getLine(baseY + y);
  return Math.max(1, ...[x - 1, x - 2].map((at) => line?.getCell(at)?.getChars().length ?? 0));
}

type Line = ReturnType<Terminal["buffer"]["active"]["getLine"]>;

function runsOf(line: Line, cols: number, cell: IBufferCell): Run[] {
  const runs: Run[] = [];
  let last = "";
  for (let x = 0; x < cols; x++) {
    const c = line?.getCell(x, cell);
    if (c === undefined) break;
    if (c.getWidth() === 0) continue; // the second half of a wide character
    const look = looks(c);
    const key = JSON.stringify(look);
    const text =
      c.isInvisible() !== 0 ? " ".repeat(c.getWidth()) : shown(c.getChars().slice(0, mostOfCell)) || " ".repeat(c.getWidth());
    const run = runs.at(-1);
    if (run !== undefined && key === last) run.text += text;
    else runs.push({ text, ...look });
    last = key;
  }
  return trimmed(runs);
}

/** Blanks at the end that look like nothing are left out. */
function trimmed(runs: Run[]): Run[] {
  const end = runs.at(-1);
  if (end !== undefined && end.bg === undefined && end.underline === undefined && end.struck === undefined) {
    end.text = end.text.trimEnd();
    if (end.text === "") runs.pop();
  }
  return runs;
}

function looks(c: IBufferCell): Omit<Run, "text"> {
  let fg = color(c.isFgRGB(), c.isFgPalette(), c.getFgColor());
  let bg = color(c.isBgRGB(), c.isBgPalette(), c.getBgColor());
  if (c.isInverse() !== 0) [fg, bg] = [bg ?? "back", fg ?? "front"];
  return {
    ...(fg === undefined ? {} : { fg }),
    ...(bg === undefined ? {} : { bg }),
    ...(c.isBold() !== 0 && { bold: true as const }),
    ...(c.isDim() !== 0 && { dim: true as const }),
    ...(c.isItalic() !== 0 && { italic: true as const }),
    ...(c.isUnderline() !== 0 && { underline: true as const }),
    ...(c.isStrikethrough() !== 0 && { struck: true as const }),
  };
}

function color(rgb: boolean, palette: boolean, n: number): number | string | undefined {
  if (rgb) return `#${(n & 0xffffff).toString(16).padStart(6, "0")}`;
  return palette ? n & 0xff : undefined;
}

const turning = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** shown leaves out what turns the direction of text, or is not seen; it joins characters where that is its use. */
export function shown(s: string): string {
  return s.replaceAll(turning, (c) => (c === "\u200d" ? c : ""));
}

/** colorOf is a colour of the palette of 256; those of the first 16 are the page's. */
export function colorOf(n: number): string | undefined {
  if (n < 16) return undefined;
  if (n >= 232) {
    const grey = 8 + 10 * (n - 232);
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const step = (k: number) => (k === 0 ? 0 : 55 + 40 * k);
  const i = n - 16;
  return `rgb(${step(Math.floor(i / 36))}, ${step(Math.floor(i / 6) % 6)}, ${step(i % 6)})`;
}
