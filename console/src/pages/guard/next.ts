import type { Guard } from "@/gen/guard_pb";

/** The one thing to do next: raise a guard, lock the sockets, enforce, or nothing. */
export function stepOf(g: Pick<Guard, "mode" | "lock" | "profile">): "raise" | "enforce" | "lock" | "profile" | "done" {
  if (g.mode !== "observe" && g.mode !== "enforce") return "raise";
  if (g.mode === "observe") return "enforce";
  if (g.profile === "none" || g.profile === "") return "profile";
  return g.lock === "locked" ? "done" : "lock";
}
