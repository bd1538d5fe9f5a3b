/** bytes is a size for people. */
export function bytes(n: number | bigint, lang: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
  let value = Number(n);
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  const digits = at === 0 || value >= 100 ? 0 : 1;
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[at], maximumFractionDigits: digits }).format(value);
}
