/** Settings of the browser that the server reads, too. They are no secrets. */
export function cookie(name: string): string | undefined {
  for (const part of document.cookie.split("; ")) {
    if (part.startsWith(`${name}=`)) return part.slice(name.length + 1);
  }
  return undefined;
}

export function setCookie(name: string, value: "en" | "zh" | "light" | "dark" | "auto"): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the cookie store is not in every browser that is supported
  document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; Secure; SameSite=Strict`;
}
