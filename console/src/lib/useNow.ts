import { useSyncExternalStore } from "react";

// One clock for all times on the page.
let now = new Date();
const readers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  if (timer === undefined) {
    now = new Date();
    timer = setInterval(() => {
      now = new Date();
      for (const r of readers) r();
    }, 10_000);
  }
  return () => {
    readers.delete(reader);
    if (readers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function useNow(): Date {
  return useSyncExternalStore(subscribe, () => now);
}

const hour = 3_600_000;

/** useHour is when the hour that goes on began. */
export function useHour(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(now.getTime() / hour) * hour);
}
