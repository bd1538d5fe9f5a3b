import { Anchor, AppShell, Burger, Group, NavLink, ScrollArea, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { me } from "@/api/queries";
import { useWatch } from "@/api/useWatch";
import { zoneName } from "@/lib/time";
import { AccountMenu } from "./AccountMenu";
import { Connection } from "./Connection";
import { nav } from "./nav";
import { ScopeChooser } from "./ScopeChooser";
import classes from "./Shell.module.css";
import { StepUp } from "./StepUp";
import { useTenant } from "./scope";

/** What is around every page. */
export function Shell() {
  const { t } = useTranslation();
  const [opened, { toggle, close }] = useDisclosure();
  const tenant = useTenant();
  const link = useWatch(tenant);
  const caller = useQuery(me());
  const path = useRouterState({ select: (s) => s.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever went to another page is done with the menu
  useEffect(close, [path]);
  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <a className={classes.skip} href="#main">
        {t("shell.skip")}
      </a>
      <AppShell.Header className={classes.header}>
        <Burger
          opened={opened}
          onClick={toggle}
          hiddenFrom="sm"
          size="sm"
          aria-label={opened ? t("shell.closeMenu") : t("shell.openMenu")}
          aria-expanded={opened}
        />
        <Anchor component={Link} to="/" className={classes.brand} underline="never" aria-label="Bulkhead">
          <img src="/favicon.svg" alt="" width={22} height={22} />
          <span className={classes.name}>Bulkhead</span>
        </Anchor>
        <div className={classes.spring} />
        <Connection link={link} />
        <ScopeChooser caller={caller.data} />
        <AccountMenu caller={caller.data} />
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} aria-label={t("shell.menu")}>
        <ScrollArea className={classes.grow}>
          {nav.map((g) => (
            // biome-ignore lint/a11y/useSemanticElements: links under a heading are no fieldset
            <div key={g.text} className={classes.group} role="group" aria-label={t(g.text)}>
              <Text className={classes.heading} aria-hidden>
                {t(g.text)}
              </Text>
              {g.entries.map((e) => {
                const here = e.to === "/" ? path === "/" : path === e.to || path.startsWith(`${e.to}/`);
                return (
                  <NavLink
                    key={e.to}
                    component={Link}
                    to={e.to}
                    active={here}
                    aria-current={here ? "page" : undefined}
                    label={t(e.text)}
                    leftSection={<e.icon size={17} stroke={1.75} aria-hidden />}
                    className={classes.entry}
                  />
                );
              })}
            </div>
          ))}
        </ScrollArea>
        <Group className={classes.foot} gap={4}>
          <Text size="xs" c="dimmed">
            {t("shell.zone", { zone: zoneName() })}
          </Text>
        </Group>
      </AppShell.Navbar>
      <AppShell.Main className={classes.main} id="main" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <StepUp />
    </AppShell>
  );
}
