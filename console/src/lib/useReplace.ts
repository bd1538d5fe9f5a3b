import { type NavigateOptions, type UseNavigateResult, useMatch, useNavigate, useRouter } from "@tanstack/react-router";
import { useCallback } from "react";

const pageOf = (m: { routeId: string; pathname: string }) => `${m.routeId} ${m.pathname}`;

/**
 * useReplace is useNavigate for what somebody chooses on a page: it stands in the address in place of what was chosen before, and the page
 * is not scrolled. While another page loads, this one is still seen, and what was chosen there last counts no more: it would pull back
 * who went on.
 */
export function useReplace(): UseNavigateResult<string> {
  const router = useRouter();
  const navigate = useNavigate();
  const page = useMatch({ strict: false, shouldThrow: false, select: pageOf });
  return useCallback(
    (async (options: NavigateOptions) => {
      const coming = router.state.pendingMatches ?? router.state.matches;
      if (coming.some((m) => pageOf(m) === page)) await navigate({ ...options, replace: true, resetScroll: false });
    }) as UseNavigateResult<string>,
    [router, navigate, page],
  );
}
