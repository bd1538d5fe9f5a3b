import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import { StatusBadge, statuses, ToneIcon, toneOfStatus } from "@/components/StatusBadge";
import type { Assessment } from "@/gen/operations_pb";
import classes from "./Requirement.module.css";
import { ofTenants } from "./standing";

const most = 100;

interface Props {
  requirement: string;
  /** The worst first. */
  nodes: readonly Assessment[];
  chosen: string | undefined;
}

/** Where each node stands on a requirement and, where there are several, each tenant. */
export function ByNode({ requirement, nodes, chosen }: Props) {
  const { t } = useTranslation();
  const tenants = ofTenants(nodes, requirement);
  const many = tenants.length > 1;
  return (
    <>
      {many && (
        <Panel title={t("requirements.byTenant")} flush>
          <ul className={classes.nodes}>
            {tenants.map(([tenant, counts]) => (
              <li key={tenant}>
                <PageLink
                  to="/requirements/$id"
                  params={{ id: requirement }}
                  search={(old) => ({ ...old, tenant, node: undefined })}
                  className={classes.node}
                >
                  {tenant}
                </PageLink>
                <span className={classes.counts}>
                  {statuses
                    .filter((s) => counts[s] !== undefined)
                    .map((s) => (
                      <span key={s} className={classes.count}>
                        <ToneIcon tone={toneOfStatus[s]} /> <strong>{counts[s]}</strong> {t(`common.status.${s}`)}
                      </span>
                    ))}
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title={t("requirements.byNode")} flush>
        {nodes.length === 0 && (
          <Text p="md" c="dimmed">
            {t("requirements.noNodes")}
          </Text>
        )}
        <ul className={classes.nodes}>
          {nodes.slice(0, most).map((n) => (
            <li key={n.id} data-chosen={n.node === chosen || undefined}>
              <span className={classes.node}>
                <PageLink to="/requirements/$id" params={{ id: requirement }} search={(old) => ({ ...old, node: n.node })} replace>
                  {n.nodeName}
                </PageLink>
                {many && <span className={classes.small}> {n.tenant}</span>}
              </span>
              <StatusBadge status={n.statuses[requirement]} />
            </li>
          ))}
        </ul>
        {nodes.length > most && (
          <Text p="sm" size="xs" c="dimmed">
            {t("requirements.someNodes", { shown: most, all: nodes.length })}{" "}
            <PageLink to="/nodes" size="xs">
              {t("requirements.everyNode")}
            </PageLink>
          </Text>
        )}
      </Panel>
    </>
  );
}
