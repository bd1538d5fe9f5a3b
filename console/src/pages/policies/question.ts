/** What can be asked of policies. It stands in the address. */
export interface Question {
  q?: (typeof questions)[number] | undefined;
  action?: string | undefined;
  type?: string | undefined;
  id?: string | undefined;
  user?: string | undefined;
  record?: string | undefined;
}

export const questions = ["who", "what", "why", "record"] as const;

const short = (v: unknown): string | undefined =>
  (typeof v === "string" && v !== "") || typeof v === "number" ? String(v).slice(0, 300) : undefined;

export function questionOf(s: Record<string, unknown>): Question {
  return {
    q: questions.find((x) => x === s.q),
    action: short(s.action),
    type: short(s.type),
    id: short(s.id),
    user: short(s.user),
    record: short(s.record),
  };
}

/** Whether it can be asked. */
export function isComplete(q: Question): boolean {
  switch (q.q) {
    case "record":
      return q.record !== undefined;
    case "what":
      return q.type !== undefined && q.id !== undefined;
    case "who":
    case "why":
      return q.action !== undefined && q.type !== undefined && q.id !== undefined;
    default:
      return false;
  }
}
