import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { policySet, policyVersions } from "@/api/policies";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Difference } from "@/editor/Difference";
import type { PolicySet } from "@/gen/policy_pb";
import { useReplace } from "@/lib/useReplace";
import { filesOf } from "./draft";
import { Standing } from "./Policies";
import { Send } from "./Send";
import { usePolicyTenant } from "./tenant";

/** A version: what was in it, how it differs from any other, and the way back to it. */
export function Version() {
  const { t } = useTranslation();
  const tenant = usePolicyTenant();
  const { version } = useParams({ from: "/policies/versions/$version" });
  const number = /^\d{1,18}$/.test(version) ? BigInt(version) : -1n;
  const set = useQuery({ ...policySet(tenant, number), enabled: tenant !== "" && number > 0n });
  const now = useQuery(policySet(tenant));
  if (number < 1n)
    return (
      <Page title={t("policies.noVersion")} about={t("policies.noVersionHow")}>
        {null}
      </Page>
    );
  return (
    <Result of={set} what={t("policies.failed")} rows={8} page>
      {(s) => (
        <Result of={now} what={t("policies.failed")} page>
          {(n) => <Shown tenant={tenant} s={s} now={n} />}
        </Result>
      )}
    </Result>
  );
}

function Shown({ tenant, s, now }: { tenant: string; s: PolicySet; now: PolicySet }) {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/policies/versions/$version" });
  const versions = useQuery(policyVersions(tenant));
  const [back, setBack] = useState(false);
  const isNow = s.version === now.version;
  const other = /^\d{1,18}$/.test(search.with ?? "") ? BigInt(search.with ?? "0") : isNow ? s.version - 1n : now.version;
  const before = useQuery({ ...policySet(tenant, other), enabled: tenant !== "" && other > 0n });
  const kind = now.approvalRequired ? "propose" : "rollback";
  return (
    <Page
      title={t("policies.versionN", { version: String(s.version) })}
      about={
        <PageLink to="/policies" search={(old) => ({ tenant: old.tenant })}>
          {t("policies.toPolicies")}
        </PageLink>
      }
      actions={
        !isNow && (
          <Button onClick={() => setBack(true)}>{kind === "propose" ? t("policies.proposeBack") : t("policies.rollBack")}</Button>
        )
      }
    >
      <Panel title={isNow ? t("policies.isInForce") : t("policies.wasInForce")}>
        <Standing s={s} />
      </Panel>
      <Panel
        title={t("policies.differenceTitle")}
        flush
        aside={
          <NativeSelect
            size="xs"
            label={t("policies.compare")}
            value={String(other)}
            onChange={(e) => {
              const chosen = e.currentTarget.value;
              void replace({
                to: "/policies/versions/$version",
                params: { version: String(s.version) },
                search: (old) => ({ tenant: old.tenant, with: chosen }),
              });
            }}
            data={[
              { value: "0", label: t("policies.noOwn") },
              ...(versions.data?.rows ?? [])
                .filter((v) => v.version !== s.version)
                .map((v) => ({ value: String(v.version), label: t("policies.versionN", { version: String(v.version) }) })),
            ]}
          />
        }
      >
        {other === 0n ? (
          <Difference before={[]} after={filesOf(s)} />
        ) : (
          <Result of={before} what={t("policies.failed")}>
            {(b) => <Difference before={filesOf(b)} after={filesOf(s)} />}
          </Result>
        )}
      </Panel>
      {back && (
        <Send
          kind={kind}
          tenant={tenant}
          files={filesOf(s)}
          base={now.version}
          to={s.version}
          onClose={() => setBack(false)}
          sent={() => undefined}
        />
      )}
    </Page>
  );
}
