import { IconCircleFilled, IconPlayerPause, IconPlugConnectedX, IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Link } from "@/api/follow";
import classes from "./Shell.module.css";

const icons = { live: IconCircleFilled, connecting: IconRefresh, offline: IconPlugConnectedX, still: IconPlayerPause };

/** Whether what is on the page is up to date. */
export function Connection({ link }: { link: Link }) {
  const { t } = useTranslation();
  const Icon = icons[link];
  return (
    <span role="status" className={classes.link} data-link={link} title={t(`shell.linkLong.${link}`)}>
      <Icon size={link === "live" ? 9 : 15} aria-hidden />
      <span className={classes.word}>{t(`shell.link.${link}`)}</span>
    </span>
  );
}
