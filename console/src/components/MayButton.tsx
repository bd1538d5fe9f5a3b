import { Button, type ButtonProps, Menu, Text, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

/** A button for an action. What the policies do not permit to whoever is signed in is shown so, with the reason, and can still be
 * reached with the keyboard. */
export function MayButton(p: ButtonProps & { may: boolean; action: string; onClick: () => void; children: ReactNode }) {
  const { t } = useTranslation();
  const { may, action, onClick, ...rest } = p;
  if (may) return <Button {...rest} onClick={onClick} />;
  return (
    <Tooltip label={t("common.mayNot", { action })}>
      <Button {...rest} variant="default" aria-disabled data-disabled onClick={(e) => e.preventDefault()} />
    </Tooltip>
  );
}

/** The same in a menu, where the reason stands below. */
export function MayItem(p: { may: boolean; action: string; onClick: () => void; danger?: boolean; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Menu.Item disabled={!p.may} onClick={p.onClick} c={p.danger && p.may ? "var(--bh-bad)" : undefined}>
      {p.children}
      {!p.may && (
        <Text size="xs" maw={240} style={{ whiteSpace: "normal" }}>
          {t("common.mayNot", { action: p.action })}
        </Text>
      )}
    </Menu.Item>
  );
}
