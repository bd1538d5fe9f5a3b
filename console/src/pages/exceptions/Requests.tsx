import { Button, Group, Text, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { findings } from "@/api/clients";
import { me } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { Pill, type Tone } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { ExceptionRequest } from "@/gen/fleet_pb";
import classes from "./Exceptions.module.css";
import { Ends } from "./Until";
import { useWho, Who } from "./Who";

const tones: Record<string, Tone> = { pending: "part", approved: "good", rejected: "bad", withdrawn: "off", expired: "off" };

export function RequestBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const known = Object.hasOwn(tones, state) ? (state as "pending") : "pending";
  return <Pill tone={tones[known] ?? "off"} word={t(`exceptions.states.${known}`)} />;
}

/** Requests for exceptions, each with what can be done about it. */
export function Requests({ of, linked = false }: { of: readonly ExceptionRequest[]; linked?: boolean }) {
  return (
    <ul className={classes.list}>
      {of.map((r) => (
        <Request key={r.id} r={r} linked={linked} />
      ))}
    </ul>
  );
}

type Decision = "approve" | "reject" | "withdraw";

function Request({ r, linked }: { r: ExceptionRequest; linked: boolean }) {
  const { t } = useTranslation();
  const caller = useQuery(me());
  const who = useWho(r.requester);
  const [doing, setDoing] = useState<Decision>();
  const e = r.exception;
  const own = caller.data?.id === r.requester;
  const requirement = (e?.check ?? "").split("/")[0] ?? "";
  return (
    <li className={classes.line}>
      <div className={classes.what}>
        <Group gap="xs">
          {linked ? (
            <PageLink to="/requirements/$id" params={{ id: requirement }} fw={600}>
              {e?.check}
            </PageLink>
          ) : (
            <code>{e?.check}</code>
          )}
          <RequestBadge state={r.state} />
          {e !== undefined && r.state === "pending" && <Ends expires={e.expires} />}
        </Group>
        <Text className={classes.reason}>{e?.reason}</Text>
        <Text size="xs" c="dimmed">
          {t("exceptions.asks", { who })} <Time at={r.created} /> · {t("exceptions.owner")}: {e?.owner} · {t("exceptions.until")}:{" "}
          {e?.expires} · {e?.subject || t("exceptions.everything")}
        </Text>
        {r.decider !== "" && r.state !== "withdrawn" && (
          <Text size="xs" c="dimmed">
            <Who id={r.decider} /> <Time at={r.decided} />
            {r.note !== "" && `: ${r.note}`}
          </Text>
        )}
        {r.state === "pending" && own && (
          <Text size="xs" c="dimmed">
            {t("exceptions.own")}
          </Text>
        )}
      </div>
      {r.state === "pending" && (
        <Group gap="xs" wrap="nowrap">
          {own ? (
            <Button size="compact-xs" variant="default" onClick={() => setDoing("withdraw")}>
              {t("exceptions.withdraw")}
            </Button>
          ) : (
            <>
              <Button size="compact-xs" onClick={() => setDoing("approve")}>
                {t("exceptions.approve")}
              </Button>
              <Button size="compact-xs" variant="default" onClick={() => setDoing("reject")}>
                {t("exceptions.reject")}
              </Button>
            </>
          )}
        </Group>
      )}
      {doing !== undefined && <Decide r={r} who={who} doing={doing} onClose={() => setDoing(undefined)} />}
    </li>
  );
}

function Decide({ r, who, doing, onClose }: { r: ExceptionRequest; who: string; doing: Decision; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const about = { who, check: r.exception?.check ?? "", until: r.exception?.expires ?? "" };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`exceptions.${doing}Title`)}
      action={t(`exceptions.${doing}`)}
      what={t(doing === "withdraw" ? "exceptions.withdrawFailed" : "exceptions.decideFailed")}
      disabled={doing === "reject" && note.trim() === ""}
      work={async () => {
        if (doing === "withdraw") await findings.withdrawExceptionRequest({ id: r.id });
        else await findings.decideException({ id: r.id, approve: doing === "approve", note });
        await Promise.all([
          client.invalidateQueries({ queryKey: ["ExceptionRequest"] }),
          client.invalidateQueries({ queryKey: ["Exception"] }),
        ]);
      }}
      preview={
        <>
          <Text mb="sm">{t(`exceptions.${doing}Preview`, about)}</Text>
          {doing !== "withdraw" && (
            <Textarea
              label={t("exceptions.note")}
              description={t("exceptions.noteFor")}
              value={note}
              onChange={(e) => setNote(e.currentTarget.value)}
              required={doing === "reject"}
              maxLength={2000}
              autosize
              minRows={2}
            />
          )}
        </>
      }
    />
  );
}
