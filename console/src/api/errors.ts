import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@/gen/common_pb";

/** What went wrong, in the terms of docs/errors.md. */
export interface Problem {
  /** Stable code, e.g. "denied"; "network" where the server was not reached. */
  code: string;
  /** What the server says, in English. */
  message: string;
  /** What to do, as the server says it, in English. */
  remedy: string;
  /** Place of the record in the audit log. */
  record: string;
  /** Policies that refused. */
  policies: string[];
  /** Field of the request that is wrong. */
  field: string;
}

/** A person closed the question that a call needed answered: nothing went wrong, and nothing was done. */
export class Cancelled extends Error {
  override name = "Cancelled";
}

const fromProtocol: Partial<Record<Code, string>> = {
  [Code.Unauthenticated]: "unauthenticated",
  [Code.PermissionDenied]: "denied",
  [Code.NotFound]: "not_found",
  [Code.InvalidArgument]: "invalid",
  [Code.AlreadyExists]: "exists",
  [Code.Aborted]: "conflict",
  [Code.ResourceExhausted]: "too_many_requests",
  [Code.Unavailable]: "unavailable",
  [Code.DeadlineExceeded]: "unavailable",
  [Code.Internal]: "internal",
  [Code.Unimplemented]: "unimplemented",
};

/** problemOf reads any error; one that says nothing is a defect of the console or of the network. */
export function problemOf(err: unknown): Problem {
  const none: Problem = { code: "internal", message: "", remedy: "", record: "", policies: [], field: "" };
  if (!(err instanceof ConnectError))
    return { ...none, code: "console", message: err instanceof Error ? err.message : String(err) };
  const detail = err.findDetails(ErrorDetailSchema)[0];
  if (detail !== undefined) {
    const { code, remediation, record, policies, field } = detail;
    return { code, message: err.rawMessage, remedy: remediation, record, policies, field };
  }
  // Browsers say nothing about why a server was not reached.
  if (err.cause instanceof TypeError || err.rawMessage === "Failed to fetch") return { ...none, code: "network" };
  return { ...none, code: fromProtocol[err.code] ?? "internal", message: err.rawMessage };
}
