import { NumberInput, Select, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { tokens, userList, whatCan } from "@/api/directory";
import { me } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { ShownOnce } from "@/components/ShownOnce";
import { Time } from "@/components/Time";
import type { CreateTokenResponse } from "@/gen/directory_pb";

/** Groups of actions that a token is often narrowed to. Any action and any group can be typed; the server knows them all. */
const often = ["Read", "DirectoryRead", "EngineRead", "RegistryRead", "AssessmentPublish", "AuditAccess", "*"];

export const mostDays = 366;

/** Makes a token, and shows its secret once. */
export function CreateToken({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const caller = useQuery(me());
  const people = useQuery(userList(tenant));
  const own = caller.data?.id ?? "";
  const [user, setUser] = useState("");
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>([]);
  const [days, setDays] = useState<number | string>(30);
  const [made, setMade] = useState<CreateTokenResponse>();
  const done = useRef(false); // the dialogue closes itself when it is done, and the secret comes then
  const can = useQuery(whatCan(user, "", ""));
  if (made !== undefined) {
    return (
      <ShownOnce title={t("directory.tokenMade", { name })} label={t("directory.secret")} secret={made.secret} onClose={onClose}>
        {t("directory.secretHow")} {t("directory.goodUntil")} <Time at={made.token?.expires} full />
      </ShownOnce>
    );
  }
  const others = (people.data?.rows ?? []).filter((u) => u.id !== own && !u.disabled);
  const count = Number(days);
  const right = Number.isInteger(count) && count >= 1 && count <= mostDays;
  const actions = (can.data ?? []).map((p) => p.action).filter((a) => !often.includes(a));
  return (
    <Confirm
      opened
      onClose={() => {
        if (!done.current) onClose();
      }}
      title={t("directory.makeToken")}
      action={t("directory.makeToken")}
      what={t("directory.tokenFailed")}
      disabled={name.trim() === "" || scopes.length === 0 || !right}
      work={async () => {
        const answer = await tokens.createToken({ user, name: name.trim(), scopes, days: count });
        done.current = true;
        setMade(answer);
        await client.invalidateQueries({ queryKey: ["Token"] });
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("directory.tokenPreview")}</Text>
          <TextInput
            label={t("directory.tokenName")}
            description={t("directory.tokenNameHow")}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
            maxLength={100}
            data-autofocus
          />
          {others.length > 0 && (
            <Select
              label={t("directory.of")}
              description={t("directory.ofHow")}
              value={user}
              onChange={(v) => setUser(v ?? "")}
              allowDeselect={false}
              searchable
              limit={100}
              data={[
                { value: "", label: t("directory.yourself", { name: caller.data?.name ?? "" }) },
                ...others.map((u) => ({ value: u.id, label: tenant === "" ? `${u.name} (${u.tenant})` : u.name })),
              ]}
              nothingFoundMessage={t("directory.noneFound")}
            />
          )}
          <TagsInput
            label={t("directory.scopes")}
            description={t("directory.scopesHow")}
            data={[
              { group: t("directory.scopesOften"), items: often },
              ...(actions.length > 0 ? [{ group: t("directory.scopesActions"), items: actions }] : []),
            ]}
            value={scopes}
            onChange={setScopes}
            maxTags={64}
            required
            limit={200}
            maxDropdownHeight={260}
          />
          <NumberInput
            label={t("directory.days")}
            description={t("directory.daysHow", { most: mostDays })}
            error={right ? undefined : t("directory.daysWrong", { most: mostDays })}
            value={days}
            onChange={setDays}
            min={1}
            max={mostDays}
            clampBehavior="none"
            allowDecimal={false}
            hideControls
          />
        </Stack>
      }
    />
  );
}
