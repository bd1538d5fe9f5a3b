import { Anchor, type AnchorProps, Button, type ButtonProps, Menu, type MenuItemProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Attributes = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "style"> & { ref?: Ref<HTMLAnchorElement> };

/** A link to another page of the console, whose address is checked when the console is built. */
export const PageLink = createLink((p: AnchorProps & Attributes) => <Anchor {...p} />);

/** The same, in a menu. */
export const MenuLink = createLink((p: MenuItemProps & Attributes) => <Menu.Item component="a" {...p} />);

/** The same, as a button. */
export const ButtonLink = createLink((p: ButtonProps & Attributes) => <Button component="a" {...p} />);
