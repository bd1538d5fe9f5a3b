import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

export type Moment = Timestamp | Date | undefined;

export function dateOf(t: Moment): Date | undefined {
  if (t === undefined) return undefined;
  return t instanceof Date ? t : timestampDate(t);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Number.POSITIVE_INFINITY],
];

/** relative says how long ago, in the unit that a person would take. */
export function relative(at: Date, now: Date, lang: string): string {
  let n = (at.getTime() - now.getTime()) / 1000;
  if (n > 0 && n < 15) n = 0; // the page's clock goes in steps, and the server's is another
  for (const [unit, most] of steps) {
    if (Math.abs(Math.round(n)) < most)
      return new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" }).format(Math.round(n), unit);
    n /= most;
  }
  return "";
}

/** absolute is the time with its zone, so that nobody has to guess. */
export function absolute(at: Date, lang: string, zone?: string): string {
  return new Intl.DateTimeFormat(lang, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
    timeZone: zone,
  }).format(at);
}

/** timeOf reads a time of an address; one without a zone, as old addresses have it, is in the browser's. */
export function timeOf(s: string | undefined): Date | undefined {
  if (s === undefined || !/^\d{4}-\d\d-\d\d/.test(s)) return undefined;
  const d = new Date(s);
  return Number.isNaN(d.getTime()) ? undefined : d;
}

/** local is a time as a field for times of the day has it, in the browser's zone. */
export function local(d: Date | undefined): string {
  if (d === undefined) return "";
  const two = (n: number) => String(n).padStart(2, "0");
  const day = [String(d.getFullYear()).padStart(4, "0"), two(d.getMonth() + 1), two(d.getDate())].join("-");
  return `${day}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function zoneName(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
