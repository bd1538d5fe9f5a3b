import { Anchor } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { Pill, type Tone } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import { placeOf } from "./places";

const tones = { pending: "part", approved: "good", rejected: "bad", withdrawn: "off", superseded: "off" } as const satisfies Record<
  string,
  Tone
>;
export const proposalStates = ["pending", "approved", "rejected", "withdrawn", "superseded"] as const;

/** How a proposal stands. */
export function ProposalBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const s = proposalStates.find((x) => x === state) ?? "superseded";
  return <Pill tone={tones[s]} word={t(`policies.state.${s}`)} />;
}

/** A policy by its id, which leads to its file and line. */
export function PolicyLink({ id }: { id: string }) {
  const place = placeOf(id);
  if (place === undefined) return <code>{plain(id)}</code>;
  return (
    <PageLink to="/policies" search={(old) => ({ tenant: place.tenant ?? old.tenant, file: place.file, policy: place.policy })}>
      <code>{plain(id)}</code>
    </PageLink>
  );
}

export function PolicyLinks({ ids }: { ids: readonly string[] }) {
  return (
    <>
      {ids.map((id, i) => (
        <span key={id}>
          {i > 0 && ", "}
          <PolicyLink id={id} />
        </span>
      ))}
    </>
  );
}

/** Goes to a place in the editor. */
export function Go({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <Anchor component="button" type="button" onClick={onClick} ta="start">
      <code>{children}</code>
    </Anchor>
  );
}
