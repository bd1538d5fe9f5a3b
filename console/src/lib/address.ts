/** paramOf is a parameter of an address as a text, cut to what a page takes; anybody may have written it. */
export const paramOf = (v: unknown, most = 300): string | undefined =>
  (typeof v === "string" && v !== "") || typeof v === "number" ? String(v).slice(0, most) : undefined;
