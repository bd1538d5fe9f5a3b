import type { JsonObject } from "@bufbuild/protobuf";
import { auth } from "./clients";

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

/** showPasskey shows a passkey as a fresh factor. It throws where the person cancels: browsers don't say why. */
export async function showPasskey(): Promise<void> {
  const ceremony = await auth.beginFactor({});
  const all = (ceremony.options ?? {}) as unknown as { publicKey?: Options } & Options;
  const o = all.publicKey ?? all;
  const credential = await navigator.credentials.get({
    publicKey: {
      ...o,
      challenge: toBytes(o.challenge),
      allowCredentials: (o.allowCredentials ?? []).map((c) => ({ ...c, id: toBytes(c.id) })),
    },
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
  await auth.finishFactor({ id: ceremony.id, response: answer });
}
