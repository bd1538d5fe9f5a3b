import { queryOptions, useQueries, useQuery } from "@tanstack/react-query";
import { AccountService } from "@/gen/account_pb";
import { GroupService, TokenService } from "@/gen/directory_pb";
import { PoolService } from "@/gen/fleet_pb";
import { PolicyService } from "@/gen/policy_pb";
import { auth, nodes, system, tenants, users } from "./clients";
import { all, quoted } from "./lists";
import { me, user } from "./queries";
import { clientOf } from "./transport";

export const groups = clientOf(GroupService);
export const tokens = clientOf(TokenService);
export const pools = clientOf(PoolService);
export const account = clientOf(AccountService);
const policies = clientOf(PolicyService);

export const userList = (tenant: string) =>
  queryOptions({
    queryKey: ["User", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { users: items, nextPage } = await users.listUsers({ tenant, page });
        return { items, nextPage };
      }),
  });

/** What people are in: their sessions are not in the watch stream. */
export const userSessions = (id: string) =>
  queryOptions({
    queryKey: ["Session", "of", id],
    queryFn: async () => (await users.listUserSessions({ id })).sessions,
    refetchInterval: 20_000,
  });

export const groupList = (tenant: string) =>
  queryOptions({
    queryKey: ["Group", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { groups: items, nextPage } = await groups.listGroups({ tenant, page });
        return { items, nextPage };
      }),
  });

export const group = (id: string) => queryOptions({ queryKey: ["Group", "one", id], queryFn: () => groups.getGroup({ id }) });

export const tenantOne = (id: string) =>
  queryOptions({ queryKey: ["Tenant", "one", id], queryFn: () => tenants.getTenant({ id }) });

export const tokenList = (tenant: string, user = "") =>
  queryOptions({
    queryKey: ["Token", "list", tenant, user],
    queryFn: () =>
      all(
        async (page) => {
          const { tokens: items, nextPage } = await tokens.listTokens({ tenant, page });
          return { items, nextPage };
        },
        user === "" ? "" : `user = ${quoted(user)}`,
      ),
  });

export const joinTokenList = (tenant: string) =>
  queryOptions({
    queryKey: ["JoinToken", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { tokens: items, nextPage } = await nodes.listJoinTokens({ tenant, page });
        return { items, nextPage };
      }),
  });

export const poolList = (tenant: string) =>
  queryOptions({
    queryKey: ["Pool", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { pools: items, nextPage } = await pools.listPools({ tenant, page });
        return { items, nextPage };
      }),
  });

export const pool = (id: string) => queryOptions({ queryKey: ["Pool", "one", id], queryFn: () => pools.getPool({ id }) });

const mostRollouts = 200;

/** Roll-outs, newest first; of one pool, or of all. */
export const rolloutList = (tenant: string, of = "") =>
  queryOptions({
    queryKey: ["Rollout", "list", tenant, of],
    queryFn: () =>
      all(
        async (page) => {
          const { rollouts: items, nextPage } = await pools.listRollouts({ tenant, page });
          return { items, nextPage };
        },
        of === "" ? "" : `pool = ${quoted(of)}`,
        mostRollouts,
      ),
    // How far it is changes with the nodes, and no change is told of each.
    refetchInterval: (q) => (q.state.data?.rows.some((r) => isOpen(r.state)) ? 3000 : 60_000),
  });

export const isOpen = (state: string): boolean => state === "running" || state === "waiting" || state === "halted";

export interface Count {
  users: number;
  nodes: number;
  policies: bigint;
}

/** How much is in each tenant, for those that the caller may count. */
export const tenantCounts = (tenant: string) =>
  queryOptions({
    queryKey: ["User", "counts", tenant],
    queryFn: async () => {
      const out = new Map<string, Count>();
      const of = (id: string) => {
        const found = out.get(id) ?? { users: 0, nodes: 0, policies: 0n };
        out.set(id, found);
        return found;
      };
      const only = { readMask: { paths: ["id", "tenant"] } };
      const [people, machines, versions] = await Promise.all([
        all(async (page) => {
          const { users: items, nextPage } = await users.listUsers({ tenant, page: { ...page, ...only } });
          return { items, nextPage };
        }),
        all(async (page) => {
          const { nodes: items, nextPage } = await nodes.listNodes({ tenant, page: { ...page, ...only } });
          return { items, nextPage };
        }),
        all(async (page) => {
          const { versions: items, nextPage } = await policies.listPolicyVersions({ tenant, page });
          return { items, nextPage };
        }),
      ]);
      for (const u of people.rows) of(u.tenant).users++;
      for (const n of machines.rows) of(n.tenant).nodes++;
      for (const v of versions.rows) {
        const t = of(v.tenant);
        if (v.version > t.policies) t.policies = v.version;
      }
      return out;
    },
  });

export const settings = () => queryOptions({ queryKey: ["Fixed", "settings"], queryFn: () => system.getSettings({}) });

export const signInOptions = () => queryOptions({ queryKey: ["Fixed", "sign-in"], queryFn: () => auth.getSignInOptions({}) });

export const ownFactors = () =>
  queryOptions({ queryKey: ["Session", "factors"], queryFn: async () => (await account.listFactors({})).factors });

export const ownSessions = () =>
  queryOptions({
    queryKey: ["Session", "own"],
    queryFn: async () => (await account.listSessions({})).sessions,
    refetchInterval: 20_000,
  });

/** What somebody may do to an object, or in the own tenant, by the policies in force. */
export const whatCan = (user: string, type: string, id: string) =>
  queryOptions({
    queryKey: ["User", "can", user, type, id],
    queryFn: async () => (await policies.whatCan({ user, resource: type === "" ? undefined : { type, id } })).permissions,
    retry: false,
  });

/** Says of an action whether the policies permit it to whoever is signed in. What can't be told counts as yes: the server decides. */
export function useMay(type: string, id: string): (action: string) => boolean {
  const can = useQuery({ ...whatCan("", type, id), enabled: id !== "" });
  if (can.data === undefined || can.isPlaceholderData) return () => true;
  const actions = new Set(can.data.map((p) => p.action));
  return (action) => actions.has(action);
}

/** The tenant in which something is made: the one that is looked at, or the own one. */
export function useHome(tenant: string): string {
  const caller = useQuery(me());
  return tenant !== "" ? tenant : (caller.data?.tenant ?? "");
}

const mostNames = 50;

/** Names of some accounts; where one can't be read, its id has to do. */
export function useNames(ids: readonly string[]): (id: string) => string {
  const few = [...new Set(ids.filter((id) => id !== ""))].slice(0, mostNames);
  const found = useQueries({ queries: few.map((id) => ({ ...user(id), retry: false })) });
  return (id) => found[few.indexOf(id)]?.data?.name ?? id;
}
