import { Button, Checkbox, CloseButton, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Column, matching, valuesOf } from "./columns";
import { mostWords } from "./state";

/** Most values that are shown at once; a word finds the others. */
const most = 200;
/** So many can be looked through without a word. */
const few = 10;

interface Props<T> {
  column: Column<T>;
  rows: readonly T[];
  chosen: string[];
  set: (values: string[]) => void;
}

/** The values of a column, of which some can be chosen. */
export function Choices<T>({ column, rows, chosen, set }: Props<T>) {
  const { t } = useTranslation();
  const [q, setQ] = useState("");
  const values = useMemo(() => valuesOf(rows, column), [rows, column]);
  const found = useMemo(() => matching(values, column, q), [values, column, q]);
  const shown = found.filter(([value], i) => i < most || chosen.includes(value));
  return (
    <>
      {values.length > few && (
        <TextInput
          size="xs"
          mb="xs"
          aria-label={t("table.findValue", { column: column.header })}
          placeholder={t("table.findValue", { column: column.header })}
          value={q}
          onChange={(e) => setQ(e.currentTarget.value)}
          maxLength={mostWords}
          leftSection={<IconSearch size={14} aria-hidden />}
          rightSection={q !== "" && <CloseButton size="xs" aria-label={t("table.clear")} onClick={() => setQ("")} />}
        />
      )}
      <Checkbox.Group label={column.header} value={chosen} onChange={set}>
        <ScrollArea.Autosize mah={320} type="auto">
          <Stack gap="xs" mt="xs" pr="md">
            {shown.map(([value, count]) => (
              <Checkbox key={value} value={value} label={`${(column.word?.(value) ?? value) || t("table.none")} (${count})`} />
            ))}
          </Stack>
        </ScrollArea.Autosize>
      </Checkbox.Group>
      {values.length > few && (
        <Text size="xs" c="dimmed" mt="xs" role="status">
          {t("table.values", { count: shown.length, of: values.length })}
        </Text>
      )}
      {chosen.length > 0 && (
        <Button size="compact-xs" variant="subtle" mt="sm" onClick={() => set([])}>
          {t("table.clear")}
        </Button>
      )}
    </>
  );
}
