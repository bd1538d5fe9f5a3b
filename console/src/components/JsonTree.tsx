import { Button } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { plain } from "@/lib/plain";
import classes from "./JsonTree.module.css";

interface Props {
  value: unknown;
  /** Pointer (RFC 6901) of what is shown as chosen. */
  open: string;
  onOpen: (pointer: string) => void;
}

const step = 100;
const escaped = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** A document as a tree of its parts; long lists are shown in pieces. Whatever stands in it is text. */
export function JsonTree({ value, open, onOpen }: Props) {
  return (
    <div className={classes.tree}>
      <Branch value={value} pointer="" name="" open={open} onOpen={onOpen} depth={0} />
    </div>
  );
}

function Branch(p: Props & { pointer: string; name: string; depth: number }) {
  const { t } = useTranslation();
  const entries = typeof p.value === "object" && p.value !== null ? Object.entries(p.value) : undefined;
  const chosen = p.open !== "" && p.pointer === p.open;
  const towards = chosen || p.open.startsWith(`${p.pointer}/`);
  const [unfolded, setUnfolded] = useState(p.depth === 0 || towards);
  const wanted =
    towards && entries !== undefined ? entries.findIndex(([k]) => `${p.open}/`.startsWith(`${p.pointer}/${escaped(k)}/`)) : -1;
  const [most, setMost] = useState(Math.max(step, wanted + 10));
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (towards) setUnfolded(true);
    if (chosen) line.current?.scrollIntoView({ block: "center" });
  }, [towards, chosen]);
  if (entries === undefined) {
    return (
      <div ref={line} className={classes.line} data-chosen={chosen || undefined}>
        <span className={classes.key}>{plain(p.name)}</span>{" "}
        <span className={classes.value} data-kind={typeof p.value}>
          {p.value === null ? "null" : plain(String(p.value))}
        </span>
      </div>
    );
  }
  return (
    <div>
      {p.depth > 0 && (
        <div ref={line} className={classes.line} data-chosen={chosen || undefined}>
          <button
            type="button"
            className={classes.fold}
            aria-expanded={unfolded}
            onClick={() => {
              setUnfolded(!unfolded);
              if (!unfolded) p.onOpen(p.pointer);
            }}
          >
            {unfolded ? <IconChevronDown size={14} aria-hidden /> : <IconChevronRight size={14} aria-hidden />}
            <span className={classes.key}>{plain(p.name)}</span>
            <span className={classes.size}>{plain(label(p.value) ?? "") || t("common.parts", { count: entries.length })}</span>
          </button>
        </div>
      )}
      {unfolded && (
        <div className={p.depth > 0 ? classes.inner : undefined}>
          {entries.slice(0, most).map(([k, v]) => (
            <Branch
              key={k}
              value={v}
              pointer={`${p.pointer}/${escaped(k)}`}
              name={k}
              open={p.open}
              onOpen={p.onOpen}
              depth={p.depth + 1}
            />
          ))}
          {entries.length > most && (
            <Button variant="subtle" size="compact-xs" onClick={() => setMost(most + 10 * step)}>
              {t("common.more", { count: entries.length - most })}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** An object with a name is called by it. */
function label(value: unknown): string | undefined {
  const v = value as Record<string, unknown>;
  for (const key of ["name", "id", "path"]) if (typeof v[key] === "string" && v[key] !== "") return v[key];
  return undefined;
}
