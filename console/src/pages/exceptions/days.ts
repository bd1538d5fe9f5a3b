const day = 24 * 3600 * 1000;

/** daysLeft counts the days until an exception ends, by UTC, as the server does: 0 is today, below that it is over. */
export function daysLeft(expires: string, now: Date): number {
  return Math.round((Date.parse(`${expires}T00:00:00Z`) - Date.parse(`${now.toISOString().slice(0, 10)}T00:00:00Z`)) / day);
}
