/** What a person chose is kept in this browser. It is a convenience: where nothing can be kept, nothing is. */
export function kept(key: string): unknown {
  try {
    const text = localStorage.getItem(`bulkhead.${key}`);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(`bulkhead.${key}`, JSON.stringify(value));
  } catch {
    // full or forbidden
  }
}
