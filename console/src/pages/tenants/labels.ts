/** Labels as a person writes them: key=value, one to a line. */
export const labelText = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([k, v]) => `${k}=${v}`)
    .sort()
    .join("\n");

export const mostLabels = 64;

/** labelsOf reads them; undefined where a line is no label, or there are too many. */
export function labelsOf(text: string): Record<string, string> | undefined {
  const out: Record<string, string> = {};
  for (const line of text.split("\n").map((l) => l.trim())) {
    if (line === "") continue;
    const at = line.indexOf("=");
    const key = line.slice(0, at).trim();
    const value = line.slice(at + 1).trim();
    if (at < 1 || key === "" || key.length > 63 || value.length > 255 || Object.hasOwn(out, key)) return undefined;
    out[key] = value;
  }
  return Object.keys(out).length > mostLabels ? undefined : out;
}

export const isTenantId = (s: string): boolean => /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(s);
