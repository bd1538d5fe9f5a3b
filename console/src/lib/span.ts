import type { Duration } from "@bufbuild/protobuf/wkt";

const units: [Intl.NumberFormatOptions["unit"], number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export const secondsOf = (d: Pick<Duration, "seconds" | "nanos"> | undefined): number =>
  d === undefined ? 0 : Number(d.seconds) + d.nanos / 1e9;

/** spanWords is a length of time for people, in at most two units. */
export function spanWords(seconds: number, lang: string): string {
  const parts: string[] = [];
  let left = Math.round(seconds);
  for (const [unit, size] of units) {
    const n = Math.floor(left / size);
    if (n === 0 || parts.length === 2) continue;
    parts.push(new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long" }).format(n));
    left -= n * size;
  }
  return parts.join(" ") || new Intl.NumberFormat(lang, { style: "unit", unit: "second", unitDisplay: "long" }).format(0);
}

const sizes: Record<string, number> = { d: 86400, h: 3600, m: 60, s: 1 };

/** spanText is the same as a person writes it, e.g. "1h30m"; "" for none. */
export function spanText(seconds: number): string {
  let left = Math.round(seconds);
  let out = "";
  for (const [unit, size] of Object.entries(sizes)) {
    const n = Math.floor(left / size);
    if (n > 0) out += `${n}${unit}`;
    left -= n * size;
  }
  return out;
}

/** spanOf reads it, in seconds; "" is none at all, and what is no length is undefined. */
export function spanOf(text: string): number | undefined {
  const tight = text.replaceAll(/\s/g, "");
  if (tight === "") return 0;
  if (!/^(\d{1,6}[dhms])+$/.test(tight)) return undefined;
  return [...tight.matchAll(/(\d+)([dhms])/g)].reduce((sum, m) => sum + Number(m[1]) * (sizes[m[2] ?? "s"] ?? 1), 0);
}

export const durationOf = (seconds: number): { seconds: bigint; nanos: number } | undefined =>
  seconds === 0 ? undefined : { seconds: BigInt(seconds), nanos: 0 };
