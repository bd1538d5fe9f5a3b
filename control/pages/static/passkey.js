// Passkeys: between the JSON of WebAuthn Level 3 and the browser's objects.
import { call } from "./api.js";
import { t } from "./ui.js";

export const canPasskey = Boolean(window.PublicKeyCredential);

const toBytes = (s) => Uint8Array.from(atob(s.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function optionsOf(ceremony) {
  const o = structuredClone(ceremony.options.publicKey || ceremony.options);
  o.challenge = toBytes(o.challenge);
  if (o.user) o.user.id = toBytes(o.user.id);
  for (const list of [o.excludeCredentials, o.allowCredentials]) {
    for (const c of list || []) c.id = toBytes(c.id);
  }
  return o;
}

function answerOf(c) {
  const r = c.response;
  const response = { clientDataJSON: toText(r.clientDataJSON) };
  if (r.attestationObject) {
    response.attestationObject = toText(r.attestationObject);
    response.transports = r.getTransports ? r.getTransports() : [];
  } else {
    response.authenticatorData = toText(r.authenticatorData);
    response.signature = toText(r.signature);
    if (r.userHandle) response.userHandle = toText(r.userHandle);
  }
  const answer = { id: c.id, rawId: toText(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults() };
  if (c.authenticatorAttachment) answer.authenticatorAttachment = c.authenticatorAttachment;
  return answer;
}

const patience = 60_000; // long enough to fetch a security key; some authenticators never answer

async function ask(work) {
  const control = new AbortController();
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => {
      control.abort();
      resolve(null);
    }, patience);
  });
  let credential;
  try {
    credential = await Promise.race([work(control.signal), late]);
  } catch {
    credential = null; // cancelled, timed out or unknown: browsers don't say which
  } finally {
    clearTimeout(timer);
  }
  if (!credential) throw new Error(t("error.passkey"));
  return answerOf(credential);
}

// createPasskey registers one and gives the RegisterResponse.
export async function createPasskey(name, api = call) {
  const ceremony = await api("AccountService/BeginPasskey");
  const response = await ask((signal) => navigator.credentials.create({ publicKey: optionsOf(ceremony), signal }));
  return api("AccountService/FinishPasskey", { id: ceremony.id, response, name });
}

// showPasskey signs in ("PasskeySignIn") or shows a second factor ("Factor") and gives the SignInResponse.
export async function showPasskey(what) {
  const ceremony = await call("AuthService/Begin" + what);
  const response = await ask((signal) => navigator.credentials.get({ publicKey: optionsOf(ceremony), signal }));
  return call("AuthService/Finish" + what, { id: ceremony.id, response });
}
