import { useSearch } from "@tanstack/react-router";

/** The tenant that the pages are about: from the address, so that a link has it. "" is all that the caller may see. */
export function useTenant(): string {
  return useSearch({ from: "__root__" }).tenant ?? "";
}
