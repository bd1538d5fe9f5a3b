import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { Cancelled, problemOf } from "./errors";

/** What the application answers when the API asks for something that only a person can give. */
export interface Asker {
  /** Shows a second factor again. False where the person does not want to. */
  stepUp(): Promise<boolean>;
  /** The session is over. */
  signIn(): void;
}

let asker: Asker = { stepUp: () => Promise.resolve(false), signIn: () => undefined };

export function answerWith(a: Asker): void {
  asker = a;
}

// One question at a time, however many calls are refused for the same reason.
let asking: Promise<boolean> | undefined;
function ask(): Promise<boolean> {
  asking ??= asker.stepUp().finally(() => {
    asking = undefined;
  });
  return asking;
}

/** Calls of these are part of the question itself. */
const questions = new Set(["VerifyCode", "BeginFactor", "FinishFactor"]);

/** A call that is refused for want of a fresh factor is made again once the person has shown one. */
export const stepUp: Interceptor = (next) => async (req) => {
  try {
    return await next(req);
  } catch (err) {
    if (req.stream || questions.has(req.method.name)) throw err;
    const { code } = problemOf(err);
    if (code !== "step_up_required" && code !== "factor_required") throw err;
    if (!(await ask())) throw new Cancelled();
    return next(req);
  }
};

// A factor that is shown makes the session anew: what was on its way with the old secret is refused, and nothing is over.
const asked = new Set<Promise<unknown>>();

/** Where the session is over, the person goes to the page of signing in and comes back. */
export const ended: Interceptor = (next) => async (req) => {
  if (questions.has(req.method.name)) {
    // A wrong code is unauthenticated, too: it is told in the question.
    const answer = next(req);
    asked.add(answer);
    return answer.finally(() => asked.delete(answer));
  }
  try {
    return await next(req);
  } catch (err) {
    if (problemOf(err).code !== "unauthenticated") throw err;
    if (req.stream) throw err; // who reads it asks whether the session is over
    await Promise.allSettled(asked);
  }
  try {
    return await next(req); // with the cookie of now
  } catch (err) {
    if (problemOf(err).code === "unauthenticated") asker.signIn();
    throw err;
  }
};

/** A connect error keeps what was thrown in an interceptor; this takes a cancellation out again. */
export function isCancelled(err: unknown): boolean {
  if (err instanceof Cancelled) return true;
  return err instanceof ConnectError && (err.code === Code.Canceled || err.cause instanceof Cancelled);
}

// The session is in a cookie that scripts can't read; the server takes it from its own pages only (Sec-Fetch-Site).
const transport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  interceptors: [ended, stepUp],
  defaultTimeoutMs: 60_000,
});

export function clientOf<T extends DescService>(service: T): Client<T> {
  return createClient(service, transport);
}
