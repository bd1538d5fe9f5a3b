import { useQuery } from "@tanstack/react-query";
import { user } from "@/api/queries";

/** useWho is a person's name, or the id where the name may not be seen. */
export function useWho(id: string): string {
  const who = useQuery({ ...user(id), enabled: id !== "", retry: false });
  return id === "" ? "" : (who.data?.name ?? id);
}

export function Who({ id }: { id: string }) {
  return <>{useWho(id)}</>;
}
