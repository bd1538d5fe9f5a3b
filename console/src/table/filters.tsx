import { NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { plain } from "@/lib/plain";
import { useAhead } from "./useAhead";

/** What can be chosen. */
export interface Choice<V extends string = string> {
  value: V;
  label: string;
}

/** The fields that say what the server is asked for. What they say stands in the address. */
export function FilterBar({ label, className, children }: { label: string; className: string | undefined; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: filters are no fieldset
    <div className={className} role="group" aria-label={label}>
      {children}
    </div>
  );
}

interface SelectProps<V extends string> {
  label: string;
  /** What is said where nothing is chosen. */
  any: string;
  value: string | undefined;
  choices: readonly Choice<V>[];
  set: (value: V | undefined) => void;
}

/** One of several values, or none. */
export function FilterSelect<V extends string>(p: SelectProps<V>) {
  return (
    <NativeSelect
      size="xs"
      label={p.label}
      value={p.value ?? ""}
      onChange={(e) => p.set(p.choices.find((c) => c.value === e.currentTarget.value)?.value)}
      data={[{ value: "", label: p.any }, ...p.choices]}
    />
  );
}

/** withOwn adds the value of an address, which may not be among those that are known. */
export function withOwn(known: readonly Choice[], own: string | undefined, label = own): Choice[] {
  if (own === undefined || known.some((k) => k.value === own)) return [...known];
  return [{ value: own, label: plain(label ?? own).slice(0, 60) }, ...known];
}

interface TextProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
}

/** A text that is looked for once somebody has typed it. */
export function FilterText(p: TextProps) {
  const [typed, setTyped] = useAhead(p.value ?? "", (v) => p.set(v || undefined));
  return (
    <TextInput
      size="xs"
      label={p.label}
      placeholder={p.placeholder}
      value={typed}
      maxLength={128}
      onChange={(e) => setTyped(e.currentTarget.value)}
    />
  );
}
