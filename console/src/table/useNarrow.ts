import { useMediaQuery } from "@mantine/hooks";

/** Whether the window is as narrow as that of a phone. DataTable.module.css says the same width. */
export function useNarrow(): boolean {
  return useMediaQuery("(max-width: 36rem)", false, { getInitialValueInEffect: false }) ?? false;
}
