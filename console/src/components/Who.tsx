import { useQuery } from "@tanstack/react-query";
import { user } from "@/api/queries";
import { plain } from "@/lib/plain";

/** A person by name, where it may be seen; by id otherwise. */
export function Who({ id }: { id: string }) {
  const who = useQuery({ ...user(id), enabled: id !== "" });
  if (id === "") return null;
  return <span title={id}>{plain(who.data?.displayName || who.data?.name || id)}</span>;
}
