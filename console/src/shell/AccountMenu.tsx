import { ActionIcon, Menu, Text, useMantineColorScheme } from "@mantine/core";
import { IconHistory, IconLogout, IconUser, IconUserCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { auth } from "@/api/clients";
import { MenuLink } from "@/components/links";
import type { Caller } from "@/gen/auth_pb";
import { changeLanguage, type Language } from "@/texts";

const languages: [Language, string][] = [
  ["en", "English"],
  ["zh", "中文"],
];
const schemes = ["light", "dark", "auto"] as const;

/** Who is signed in, and how the console looks to them. */
export function AccountMenu({ caller }: { caller: Caller | undefined }) {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = async () => {
    await auth.signOut({}).catch(() => undefined); // a session that is over already is signed out
    location.assign("/sign-in");
  };
  return (
    <Menu position="bottom-end" width={230} withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("shell.account")}>
          <IconUserCircle size={22} stroke={1.5} aria-hidden color="var(--bh-soft)" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {caller !== undefined && (
          <Menu.Item component="a" href="/account" leftSection={<IconUser size={15} aria-hidden />}>
            <Text fw={600} lineClamp={1}>
              {caller.name}
            </Text>
            <Text size="xs" c="dimmed" lineClamp={1}>
              {caller.tenant} · {caller.roles.join(", ")}
            </Text>
            <Text size="xs">{t("shell.ownAccount")}</Text>
          </Menu.Item>
        )}
        {caller !== undefined && (
          <MenuLink to="/audit" search={{ actor: caller.id, since: "7d" }} leftSection={<IconHistory size={15} aria-hidden />}>
            {t("shell.ownRecords")}
          </MenuLink>
        )}
        <Menu.Divider />
        <Menu.Label>{t("shell.language")}</Menu.Label>
        <Menu.RadioGroup value={i18n.language} onChange={(lang) => void changeLanguage(i18n, lang === "zh" ? "zh" : "en")}>
          {languages.map(([lang, name]) => (
            <Menu.RadioItem key={lang} lang={lang} value={lang}>
              {name}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Label>{t("shell.scheme")}</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(s) => setColorScheme(schemes.find((x) => x === s) ?? "auto")}>
          {schemes.map((s) => (
            <Menu.RadioItem key={s} value={s}>
              {t(`shell.schemes.${s}`)}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={15} aria-hidden />} onClick={() => void signOut()}>
          {t("shell.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
