import type { JsonObject } from "@bufbuild/protobuf";
import { auth } from "./clients";
import { Cancelled } from "./errors";

// Between the JSON of WebAuthn Level 3 and the browser's objects.
const toBytes = (s: string) => Uint8Array.from(atob(s.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (b: ArrayBuffer) =>
  btoa(String.fromCharCode(...new Uint8Array(b)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

export const canPasskey = typeof window.PublicKeyCredential === "function";

interface Options {
  challenge: string;
  rpId?: string;
  timeout?: number;
  userVerification?: UserVerificationRequirement;
  allowCredentials?: { id: string; type: PublicKeyCredentialType; transports?: AuthenticatorTransport[] }[];
}

/** No passkey was shown: the person cancelled, none fits, or none answered in time. Browsers don't say which. */
export class NoPasskey extends Error {
  override name = "NoPasskey";
}

/** How long a passkey is waited for: long enough to fetch a security key. */
const patience = 60_000;

/** waitFor gives what an authenticator answers, or gives up: some never answer, and do not heed that they are no longer asked. */
function waitFor<T>(ask: (signal: AbortSignal) => Promise<T>, given: AbortSignal): Promise<T> {
  const control = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const stop = (why: Error) => {
      reject(why);
      control.abort(why);
    };
    const cancel = () => stop(new Cancelled());
    const timer = setTimeout(() => stop(new NoPasskey("none answered in time")), patience);
    if (given.aborted) cancel();
    else given.addEventListener("abort", cancel);
    ask(control.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        given.removeEventListener("abort", cancel);
      });
  });
}

/**
 * showPasskey shows a passkey as a fresh factor. It throws NoPasskey where none was shown, and Cancelled where the signal ends it, so that
 * the person can show another factor.
 */
export async function showPasskey(signal: AbortSignal): Promise<void> {
  const ceremony = await auth.beginFactor({}, { signal });
  const all = (ceremony.options ?? {}) as unknown as { publicKey?: Options } & Options;
  const o = all.publicKey ?? all;
  const publicKey = {
    ...o,
    timeout: Math.min(o.timeout ?? patience, patience),
    challenge: toBytes(o.challenge),
    allowCredentials: (o.allowCredentials ?? []).map((c) => ({ ...c, id: toBytes(c.id) })),
  };
  const credential = await waitFor((s) => navigator.credentials.get({ publicKey, signal: s }), signal).catch((err: unknown) => {
    throw err instanceof DOMException && err.name === "NotAllowedError" ? new NoPasskey(err.message) : err;
  });
  if (!(credential instanceof PublicKeyCredential) || !(credential.response instanceof AuthenticatorAssertionResponse)) {
    throw new Error("no passkey");
  }
  const r = credential.response;
  const response: JsonObject = {
    clientDataJSON: toText(r.clientDataJSON),
    authenticatorData: toText(r.authenticatorData),
    signature: toText(r.signature),
  };
  if (r.userHandle) response.userHandle = toText(r.userHandle);
  const answer: JsonObject = {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: {},
  };
  await auth.finishFactor({ id: ceremony.id, response: answer }, { signal });
}
