import { IconShieldLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ButtonLink } from "./links";

/** What calls came to the guard about: an object of an engine, or all of a node. */
type CallsOf = { type: "Container" | "Image" | "Network"; object: string } | { node: string };

/** To the calls of the last 30 days. It is a way there and no list: reading calls is recorded. */
export function CallsButton({ of, children }: { of: CallsOf; children: ReactNode }) {
  return (
    <ButtonLink
      to="/guard"
      search={(old) => ({ tenant: old.tenant, since: "30d" as const, ...of })}
      variant="default"
      size="xs"
      leftSection={<IconShieldLock size={15} aria-hidden />}
    >
      {children}
    </ButtonLink>
  );
}
