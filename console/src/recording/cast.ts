// What is in a recording: an asciicast of version 2, as guard/sessions writes it. It is foreign text, read with bounds.

export interface Header {
  width: number;
  height: number;
  title: string;
  command: string;
  /** Id of the recording, by which its parts know that they belong together. */
  id: string;
}

export interface CastEvent {
  /** Seconds from the beginning. */
  at: number;
  /** "o" output, "i" input, "r" size, "m" marker. */
  code: string;
  data: string;
  /** A marker that says that something is missing or can't be read. */
  damaged?: true;
}

const mostSide = 10_000;
const mostTime = 365 * 24 * 3600;

/** headerOf reads the first line; undefined for what is none. */
export function headerOf(line: string): Header | undefined {
  const v = parsed(line);
  if (typeof v !== "object" || v === null || Array.isArray(v)) return undefined;
  const h = v as { version?: unknown; width?: unknown; height?: unknown; title?: unknown; command?: unknown; bulkhead?: unknown };
  if (h.version !== 2 || !isSide(h.width) || !isSide(h.height)) return undefined;
  const own = typeof h.bulkhead === "object" && h.bulkhead !== null ? (h.bulkhead as { id?: unknown }) : {};
  return { width: h.width, height: h.height, title: words(h.title), command: words(h.command), id: words(own.id) };
}

/** eventOf reads a line; undefined for what is no event. */
export function eventOf(line: string): CastEvent | undefined {
  const v = parsed(line);
  if (!Array.isArray(v) || v.length !== 3) return undefined;
  const [at, code, data] = v as unknown[];
  if (typeof at !== "number" || !(at >= 0 && at <= mostTime) || typeof code !== "string" || typeof data !== "string")
    return undefined;
  return { at, code, data };
}

/** sizeOf reads "80x24". */
export function sizeOf(data: string): { width: number; height: number } | undefined {
  const m = /^(\d{1,5})x(\d{1,5})$/.exec(data);
  const width = Number(m?.[1]);
  const height = Number(m?.[2]);
  return isSide(width) && isSide(height) ? { width, height } : undefined;
}

function isSide(n: unknown): n is number {
  return typeof n === "number" && Number.isInteger(n) && n >= 1 && n <= mostSide;
}

function words(v: unknown): string {
  return typeof v === "string" ? v : "";
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
