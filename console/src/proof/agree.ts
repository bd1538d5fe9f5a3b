import type { Record as Told } from "@/gen/audit_pb";
import { hex, text } from "./bytes";
import { canonical } from "./canonical";

/** An entry as it stands in the log (OCSF), as far as it is read here. Anything may be missing: nobody checked it yet. */
export interface Entry {
  metadata?: { event_code?: string; original_time?: string; tenant_uid?: string; uid?: string; correlation_uid?: string };
  actor?: {
    user?: { name?: string; uid?: string; type?: string };
    session?: { uid?: string };
    authorizations?: { policy?: { uid?: string } }[];
  };
  resources?: { type?: string; uid?: string }[];
  status_code?: string;
  status_detail?: string;
  src_endpoint?: { ip?: string; name?: string };
  http_request?: { user_agent?: string };
  is_mfa?: boolean;
  unmapped?: {
    amr?: string[];
    changes?: { [field: string]: string };
    digest?: string;
    policy_sets?: { [tenant: string]: number };
    policy_version?: string;
    request?: unknown;
    request_digest?: string;
  };
}

/** entryOf reads an entry; undefined for what is no event of this product. */
export function entryOf(bytes: Uint8Array): Entry | undefined {
  try {
    const v: unknown = JSON.parse(text(bytes) ?? "");
    if (typeof v !== "object" || v === null || Array.isArray(v)) return undefined;
    const e = v as Entry;
    return typeof e.metadata?.uid === "string" && typeof e.metadata.event_code === "string" ? e : undefined;
  } catch {
    return undefined;
  }
}

/** Times as the log writes them: RFC 3339 in UTC, with as many digits as there are. */
function moment(t: Told["time"]): string {
  if (t === undefined) return "";
  const whole = new Date(Number(t.seconds) * 1000).toISOString().slice(0, 19);
  const part = String(t.nanos).padStart(9, "0").replace(/0+$/, "");
  return `${whole}${part === "" ? "" : `.${part}`}Z`;
}

/** The protocol's library can't carry a field of this name. The entry has it, and is what is shown. */
const lost = "__proto__";

function carried(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(carried);
  if (typeof v !== "object" || v === null) return v;
  return Object.fromEntries(
    Object.entries(v)
      .filter(([k]) => k !== lost)
      .map(([k, inner]) => [k, carried(inner)]),
  );
}

/** differences are the fields in which what the server says of a record is not what its entry says. */
export function differences(r: Told, bytes: Uint8Array): string[] {
  const e = entryOf(bytes);
  if (e === undefined) return r.action === "Undecodable" ? [] : ["entry"];
  const anonymous = e.actor?.user?.type === "Anonymous";
  const sets = Object.fromEntries(Object.entries(r.policySets).map(([k, v]) => [k, Number(v)]));
  const pairs: [field: string, told: string, is: string | undefined][] = [
    ["id", r.id, `${r.origin}/${r.index}`],
    ["time", moment(r.time), e.metadata?.original_time],
    ["actor", r.actor, anonymous ? "" : e.actor?.user?.uid],
    ["actor_name", r.actorName, anonymous ? "" : e.actor?.user?.name],
    ["tenant", r.tenant, e.metadata?.tenant_uid],
    ["action", r.action, e.metadata?.event_code],
    ["resource.type", r.resource?.type ?? "", e.resources?.[0]?.type],
    ["resource.id", r.resource?.id ?? "", e.resources?.[0]?.uid],
    ["outcome", r.outcome, e.status_code],
    ["reason", r.reason, e.status_detail],
    ["policy_version", r.policyVersion, e.unmapped?.policy_version],
    ["policy_sets", canonical(sets), canonical(e.unmapped?.policy_sets ?? {})],
    ["event", canonical(r.event ?? {}), canonical(carried(e))],
    ["entry", hex(r.entry), r.entry.length === 0 ? "" : hex(bytes)],
  ];
  return pairs.filter(([, told, is]) => told !== (is ?? "")).map(([field]) => field);
}
