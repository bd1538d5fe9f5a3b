import { useEffect } from "react";

const stop = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex='0']";

/**
 * waysBack are where the focus can go to from a dialogue that an element opened, the best first: itself, or the button of the menu that it is
 * in, which is gone by then; and what stands around it, as a button may be gone after what it did.
 */
export function waysBack(from: Element): Element[] {
  const menu = from.closest("[role=menu]");
  const button = menu === null ? null : document.getElementById(menu.getAttribute("aria-labelledby") ?? "");
  const ways: Element[] = [];
  for (let at: Element | null = button ?? from; at !== null && at !== document.body; at = at.parentElement) ways.push(at);
  return ways;
}

/** goBack takes the focus to the first of these that is still there: in a group, to its first stop. */
export function goBack(ways: readonly Element[]): void {
  for (const way of ways) {
    if (!way.isConnected) continue;
    const to =
      way.matches(stop) || way.id === "main" ? way : way.matches("[role=group], section, form") ? way.querySelector(stop) : null;
    if (!(to instanceof HTMLElement)) continue;
    to.focus({ preventScroll: true });
    if (document.activeElement === to) return;
  }
}

/** useReturn gives the focus back when a dialogue closes, or goes with what was around it. Where it went elsewhere meanwhile, it stays. */
export function useReturn(opened: boolean): void {
  useEffect(() => {
    if (!opened || document.activeElement === null) return;
    const ways = waysBack(document.activeElement);
    return () => {
      const left = document.activeElement;
      setTimeout(() => {
        const at = document.activeElement;
        if (at === null || at === document.body || at === left) goBack(ways);
      }, 20);
    };
  }, [opened]);
}
