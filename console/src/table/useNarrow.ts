import { useMediaQuery } from "@mantine/hooks";

const useWithin = (width: string) => useMediaQuery(`(max-width: ${width})`, false, { getInitialValueInEffect: false }) ?? false;

/** Whether the window is as narrow as that of a phone. DataTable.module.css says the same width. */
export const useNarrow = (): boolean => useWithin("36rem");

/** Whether filters above a table would take more lines than they are worth: with the menu beside them, also in a window of half a screen. */
export const useTight = (): boolean => useWithin("62rem");
