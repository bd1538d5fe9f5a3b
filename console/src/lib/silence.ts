import type { TFunction } from "i18next";
import { plain } from "./plain";

// What the server says of why a node is not heard, and the words for it.
const known = new Map([
  ["said so", "said"],
  ["process gone", "process"],
  ["host gone", "host"],
  ["network cut", "network"],
  ["asking", "asking"],
  ["unknown", "unknown"],
] as const);

/** Why a node is not heard, in words; a reason that this console does not know yet stays as it is. */
export function silenceOf(t: TFunction, reason: string): string {
  const word = known.get(reason as "unknown");
  return word === undefined ? plain(reason) : t(`common.silence.${word}`);
}
