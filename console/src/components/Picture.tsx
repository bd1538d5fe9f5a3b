import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useWords } from "@/lib/words";
import classes from "./Picture.module.css";
import { stateOfRequirement, statuses, ToneIcon, toneOfStatus } from "./StatusBadge";

export interface PictureSection {
  id: string;
  title?: { en: string; zh: string };
}

export interface PictureTile {
  id: string;
  title: string;
  titleZh: string;
  status: string;
}

/** sectionOf is the heading under which a requirement stands: the longest that its id begins with. */
export function sectionOf(id: string, sections: readonly PictureSection[]): string {
  let best = "";
  for (const s of sections) if (id.startsWith(`${s.id}.`) && s.id.length > best.length) best = s.id;
  return best;
}

/** All requirements as one picture, by clause. Each tile leads to its requirement. */
export function Picture({
  tiles,
  sections,
  node,
}: {
  tiles: readonly PictureTile[];
  sections: readonly PictureSection[];
  node?: string;
}) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <div className={classes.picture}>
      {sections.map((s) => {
        const own = tiles.filter((x) => sectionOf(x.id, sections) === s.id);
        if (own.length === 0) return null;
        return (
          <section key={s.id} className={classes.section} aria-label={`${s.id} ${words(s.title?.en, s.title?.zh)}`}>
            <h3 className={classes.heading}>
              <span className={classes.clause}>{s.id}</span> {words(s.title?.en, s.title?.zh)}
            </h3>
            <div className={classes.tiles}>
              {own.map((x) => {
                const state = stateOfRequirement(x.status);
                return (
                  <Link
                    key={x.id}
                    to="/requirements/$id"
                    params={{ id: x.id }}
                    search={{ node }}
                    className={classes.tile}
                    data-tone={toneOfStatus[state]}
                    title={`${x.id} ${words(x.title, x.titleZh)}`}
                  >
                    <span className={classes.top}>
                      <ToneIcon tone={toneOfStatus[state]} />
                      <span className={classes.id}>{x.id}</span>
                      <span className={classes.word}>{t(`common.status.${state}`)}</span>
                    </span>
                    <span className={classes.title}>{words(x.title, x.titleZh)}</span>
                  </Link>
                );
              })}
            </div>
          </section>
        );
      })}
    </div>
  );
}

/** How many of each status, as one bar with its legend. */
export function Summary({ counts }: { counts: Record<string, number> }) {
  const { t } = useTranslation();
  const shown = statuses.filter((s) => (counts[s] ?? 0) > 0);
  return (
    <div className={classes.summary}>
      <div className={classes.bar} aria-hidden>
        {shown.map((s) => (
          <span key={s} data-tone={toneOfStatus[s]} style={{ flexGrow: counts[s] ?? 0 }} />
        ))}
      </div>
      <ul className={classes.legend}>
        {shown.map((s) => (
          <li key={s}>
            <ToneIcon tone={toneOfStatus[s]} size={15} />
            <strong>{counts[s] ?? 0}</strong> {t(`common.status.${s}`)}
          </li>
        ))}
      </ul>
    </div>
  );
}
