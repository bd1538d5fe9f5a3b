import { ActionIcon, Menu, Text, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconLogout, IconUser, IconUserCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { auth } from "@/api/clients";
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
  const tick = (on: boolean) => (on ? <IconCheck size={15} aria-hidden /> : <span style={{ width: 15 }} />);
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
        <Menu.Divider />
        <Menu.Label>{t("shell.language")}</Menu.Label>
        {languages.map(([lang, name]) => (
          <Menu.Item
            key={lang}
            lang={lang}
            role="menuitemradio"
            aria-checked={i18n.language === lang}
            leftSection={tick(i18n.language === lang)}
            onClick={() => void changeLanguage(i18n, lang)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Label>{t("shell.scheme")}</Menu.Label>
        {schemes.map((s) => (
          <Menu.Item
            key={s}
            role="menuitemradio"
            aria-checked={colorScheme === s}
            leftSection={tick(colorScheme === s)}
            onClick={() => setColorScheme(s)}
          >
            {t(`shell.schemes.${s}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={15} aria-hidden />} onClick={() => void signOut()}>
          {t("shell.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
