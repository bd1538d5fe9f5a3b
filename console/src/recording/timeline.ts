import type { CastEvent } from "./cast";

/** The events of a recording on a clock on which nothing happens for no longer than a limit. */
export interface Timeline {
  events: readonly CastEvent[];
  /** Of each event, in seconds of the clock. */
  times: Float64Array;
  length: number;
}

/** timelineOf bounds the pauses; no limit is 0. */
export function timelineOf(events: readonly CastEvent[], idle: number): Timeline {
  const times = new Float64Array(events.length);
  let before = 0;
  let at = 0;
  events.forEach((e, i) => {
    const pause = e.at - before;
    at += idle > 0 ? Math.min(pause, idle) : pause;
    times[i] = at;
    before = e.at;
  });
  return { events, times, length: at };
}

/** upTo is how many events there are up to a moment of the clock. */
export function upTo(of: Timeline, moment: number): number {
  let low = 0;
  let high = of.times.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((of.times[mid] ?? 0) <= moment) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** momentOf says where the clock of one timeline is on that of another one of the same events. */
export function momentOf(from: Timeline, to: Timeline, moment: number): number {
  const n = upTo(from, moment);
  return n === 0 ? 0 : (to.times[n - 1] ?? 0);
}

/** clock is a time for people, e.g. "1:02:03". */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
