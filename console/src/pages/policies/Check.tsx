import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ScrollTable } from "@/components/ScrollTable";
import { ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { PolicyPreview } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import classes from "./Policies.module.css";
import { Go, PolicyLinks } from "./parts";

/** Whether a draft could be put into force. */
export function sound(p: PolicyPreview): boolean {
  return p.problems.length === 0 && p.tests.every((x) => x.passed) && !p.locksOut;
}

function Line({ tone, children }: { tone: "good" | "bad" | "part" | "off"; children: React.ReactNode }) {
  return (
    <li className={classes.line}>
      <ToneIcon tone={tone} size={18} />
      <div className={classes.grow}>{children}</div>
    </li>
  );
}

const most = 20;

/** What is wrong with a draft and how its tests came out. `go` leads to a place in the editor. */
export function Checks({ of: p, go }: { of: PolicyPreview; go?: (file: string, line: number, test?: string) => void }) {
  const { t } = useTranslation();
  const failed = p.tests.filter((x) => !x.passed);
  const at = (file: string, line: number, test?: string) => {
    const name = line > 0 ? `${file}:${line}` : file;
    return go === undefined ? <code>{plain(name)}</code> : <Go onClick={() => go(file, line, test)}>{plain(name)}</Go>;
  };
  return (
    <ul className={classes.lines}>
      {p.problems.length === 0 && <Line tone="good">{t("policies.valid")}</Line>}
      {p.problems.slice(0, most).map((x) => (
        <Line key={`${x.file}:${x.line}:${x.column}:${x.message}`} tone="bad">
          {at(x.file, x.line)} <span>{lines(x.message)}</span>
        </Line>
      ))}
      {p.problems.length > most && <Line tone="bad">{t("policies.moreProblems", { count: p.problems.length - most })}</Line>}
      {p.problems.length === 0 && p.tests.length === 0 && <Line tone="off">{t("policies.noTests")}</Line>}
      {p.tests.length > 0 && (
        <Line tone={failed.length === 0 ? "good" : "bad"}>
          {t("policies.testsPassed", { passed: p.tests.length - failed.length, count: p.tests.length })}
        </Line>
      )}
      {failed.slice(0, most).map((x) => (
        <Line key={`${x.file}:${x.name}`} tone="bad">
          {at(x.file, 0, x.name)} <strong>{plain(x.name)}</strong> <span>{lines(x.why)}</span>
        </Line>
      ))}
    </ul>
  );
}

/** What recorded decisions would become, and who could still administer. */
export function Effect({ of: p }: { of: PolicyPreview }) {
  const { t } = useTranslation();
  const changed = p.newlyRefused + p.newlyPermitted;
  return (
    <>
      <ul className={classes.lines}>
        <Line tone={changed === 0n ? "good" : "part"}>
          {changed === 0n
            ? t("policies.noEffect", { count: Number(p.replayed) })
            : t("policies.effectOf", {
                count: Number(p.replayed),
                refused: String(p.newlyRefused),
                permitted: String(p.newlyPermitted),
              })}
        </Line>
        {p.locksOut && <Line tone="bad">{t("policies.locksOut")}</Line>}
        {p.administrators.length > 0 && (
          <Line tone="good">{t("policies.stays", { names: p.administrators.slice(0, most).map(plain).join(", ") })}</Line>
        )}
      </ul>
      {p.changes.length > 0 && (
        <ScrollTable label={t("policies.changes")}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("policies.when")}</Table.Th>
                <Table.Th>{t("policies.who")}</Table.Th>
                <Table.Th>{t("policies.action")}</Table.Th>
                <Table.Th>{t("policies.object")}</Table.Th>
                <Table.Th>{t("policies.wouldBe")}</Table.Th>
                <Table.Th>{t("policies.by")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {p.changes.map((c, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: they have no id, and none comes in between
                <Table.Tr key={i}>
                  <Table.Td>
                    <Time at={c.time} />
                  </Table.Td>
                  <Table.Td>{plain(c.principal)}</Table.Td>
                  <Table.Td>{plain(c.action)}</Table.Td>
                  <Table.Td>
                    <code>{plain(`${c.resource?.type}::${c.resource?.id}`)}</code>
                  </Table.Td>
                  <Table.Td>{c.wouldBeAllowed ? t("policies.permitted") : t("policies.refused")}</Table.Td>
                  <Table.Td>
                    <PolicyLinks ids={c.policies} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </ScrollTable>
      )}
      {changed > BigInt(p.changes.length) && p.changes.length > 0 && (
        <Text px="md" py="xs" size="xs" c="dimmed">
          {t("policies.someChanges", { count: p.changes.length })}
        </Text>
      )}
    </>
  );
}
