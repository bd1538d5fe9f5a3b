import { useQuery } from "@tanstack/react-query";
import { me } from "@/api/queries";
import { useTenant } from "@/shell/scope";

/** The tenant whose policies are shown: the one that is chosen, or one's own. "" while that is not known. */
export function usePolicyTenant(): string {
  const chosen = useTenant();
  const who = useQuery(me());
  return chosen || (who.data?.tenant ?? "");
}
