import { Group, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import classes from "./Page.module.css";

let arrived = false;

/** The frame of every page: its name, what it is for, and what can be done. */
export function Page(props: { title: string; about?: ReactNode; badge?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} – Bulkhead`;
  }, [props.title]);
  // Who goes from page to page by keyboard or screen reader goes on from the heading; who has just come begins at the top.
  useEffect(() => {
    if (arrived) heading.current?.focus({ preventScroll: true });
    arrived = true;
  }, []);
  return (
    <div className={classes.page}>
      <div className={classes.head}>
        <div className={classes.title}>
          <Group gap="sm">
            <Title order={1} tabIndex={-1} ref={heading} className={classes.name}>
              {props.title}
            </Title>
            {props.badge}
          </Group>
          {props.about !== undefined && (
            <Text c="dimmed" component="div" className={classes.about}>
              {props.about}
            </Text>
          )}
        </div>
        {props.actions !== undefined && <Group gap="xs">{props.actions}</Group>}
      </div>
      {props.children}
    </div>
  );
}

/** A part of a page with a heading. */
export function Panel(props: { title: string; aside?: ReactNode; children: ReactNode; flush?: boolean; className?: string }) {
  return (
    <section className={`${classes.panel} ${props.className ?? ""}`} aria-label={props.title}>
      <div className={classes.panelHead}>
        <Title order={2}>{props.title}</Title>
        {props.aside}
      </div>
      <div className={props.flush ? classes.flush : classes.panelBody}>{props.children}</div>
    </section>
  );
}

/** Facts as pairs of name and value. */
export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
