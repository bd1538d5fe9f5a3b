import { paramOf } from "@/lib/address";

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

export function questionOf(s: Record<string, unknown>): Question {
  return {
    q: questions.find((x) => x === s.q),
    action: paramOf(s.action),
    type: paramOf(s.type),
    id: paramOf(s.id),
    user: paramOf(s.user),
    record: paramOf(s.record),
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
