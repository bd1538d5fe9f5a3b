import type { ButtonProps } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ButtonLink, PageLink } from "./links";

/** What is looked for in the audit log: who did it, or to what it was done. */
export interface AuditOf {
  /** Id or name of a user or node. */
  actor?: string;
  action?: string;
  /** Cedar type and id of an object, e.g. "Node". */
  type?: string;
  resource?: string;
  outcome?: "allowed" | "refused" | "failed";
  /** An age such as "7d", or a time. */
  since?: string;
}

/** To the records of a person or an object, of the last 30 days unless told otherwise. */
export function AuditLink({ of, children }: { of: AuditOf; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <PageLink to="/audit" search={(old) => ({ tenant: old.tenant, since: "30d", ...of })}>
      {children ?? t(of.actor === undefined ? "audit.link.object" : "audit.link.actor")}
    </PageLink>
  );
}

/** The same, as a button. */
export function AuditButton({ of, ...rest }: { of: AuditOf } & Pick<ButtonProps, "size" | "variant">) {
  const { t } = useTranslation();
  return (
    <ButtonLink
      to="/audit"
      search={(old) => ({ tenant: old.tenant, since: "30d", ...of })}
      variant="default"
      size="xs"
      leftSection={<IconHistory size={15} aria-hidden />}
      {...rest}
    >
      {t(of.actor === undefined ? "audit.link.object" : "audit.link.actor")}
    </ButtonLink>
  );
}
