import { Button, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { tokens } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { Pill } from "@/components/StatusBadge";
import type { Token } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { useNow } from "@/lib/useNow";

export const tokenStates = ["active", "over", "revoked"] as const;
type TokenState = (typeof tokenStates)[number];

export function stateOfToken(k: Pick<Token, "revoked" | "expires">, now = new Date()): TokenState {
  if (k.revoked) return "revoked";
  return (dateOf(k.expires)?.getTime() ?? 0) <= now.getTime() ? "over" : "active";
}

const tones = { active: "good", over: "off", revoked: "off" } as const;

export function TokenBadge({ token }: { token: Token }) {
  const { t } = useTranslation();
  const s = stateOfToken(token, useNow());
  return <Pill tone={tones[s]} word={t(`directory.tokenState.${s}`)} />;
}

/** Ends a token at once, after saying what that does. */
export function RevokeToken({ token }: { token: Token }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => setAsking(true)}
        aria-label={t("directory.revokeNamed", { name: plain(token.name) })}
      >
        {t("directory.revoke")}
      </Button>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("directory.revokeTokenAsk", { name: plain(token.name) })}
        action={t("directory.revoke")}
        what={t("directory.nothingChanged")}
        danger
        preview={<Text>{t("directory.revokeTokenPreview")}</Text>}
        work={async () => {
          await tokens.revokeToken({ id: token.id });
          await client.invalidateQueries({ queryKey: ["Token"] });
        }}
      />
    </>
  );
}
