import { Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { users } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import { ShownOnce } from "@/components/ShownOnce";
import { TenantChoice } from "@/components/TenantChoice";
import { Time } from "@/components/Time";
import type { CreateUserResponse } from "@/gen/directory_pb";
import { isName, linkOf } from "./people";
import { type Given, RightsForm } from "./Rights";

const none: Given = { roles: [], groups: [], hosts: [] };

/** Makes an account, and shows its link once. */
export function Invite(p: { tenant: string; choose: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [tenant, setTenant] = useState(p.tenant);
  const [name, setName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [email, setEmail] = useState("");
  const [given, setGiven] = useState(none);
  const [made, setMade] = useState<CreateUserResponse>();
  const done = useRef(false); // the dialogue closes itself when it is done, and the link comes then
  if (made !== undefined) return <Link made={made} onClose={p.onClose} />;
  const wrong = name !== "" && !isName(name);
  return (
    <Confirm
      opened
      onClose={() => {
        if (!done.current) p.onClose();
      }}
      title={t("directory.inviteTitle")}
      action={t("directory.makeLink")}
      what={t("directory.inviteFailed")}
      disabled={!isName(name)}
      work={async () => {
        const user = { tenant, name, displayName, email, ...given };
        const answer = await users.createUser({ user });
        done.current = true;
        setMade(answer);
        await client.invalidateQueries({ queryKey: ["User"] });
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("directory.invitePreview")}</Text>
          {p.choose && (
            <TenantChoice
              tenant={tenant}
              set={(id) => {
                setTenant(id);
                setGiven(none);
              }}
            />
          )}
          <TextInput
            label={t("directory.name")}
            description={t("directory.nameHow")}
            error={wrong ? t("directory.nameWrong") : undefined}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
            maxLength={64}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
          <TextInput
            label={t("directory.displayName")}
            value={displayName}
            onChange={(e) => setDisplayName(e.currentTarget.value)}
            maxLength={100}
          />
          <TextInput
            type="email"
            label={t("directory.email")}
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
            maxLength={254}
          />
          <RightsForm tenant={tenant} value={given} set={setGiven} />
        </Stack>
      }
    />
  );
}

/** The link of an account, which the server gives once. */
export function Link({ made, onClose }: { made: CreateUserResponse; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <ShownOnce
      title={t("directory.linkTitle", { name: made.user?.name ?? "" })}
      label={t("directory.link")}
      secret={linkOf(made.enrolmentPath)}
      onClose={onClose}
    >
      {t("directory.linkHow")} {t("directory.goodUntil")} <Time at={made.expires} full />
    </ShownOnce>
  );
}
