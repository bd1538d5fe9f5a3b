import { call } from "./api.js";
import { canPasskey, showPasskey } from "./passkey.js";
import { registering } from "./register.js";
import { $, fail, nextPath, onClick, onSubmit, show, t } from "./ui.js";

const onward = () => location.assign(nextPath());

// goOn does what the server says comes next.
function goOn(res) {
  if (res.next === "STEP_FACTOR") return second(res.factors || []);
  if (res.next === "STEP_REGISTER") return show(["register"], ["first", "second"]);
  return onward();
}

function second(factors) {
  const passkey = canPasskey && factors.includes("webauthn");
  const code = factors.includes("totp") || factors.includes("recovery");
  $("second-passkey").hidden = !passkey;
  $("second-form").hidden = !code;
  show(["second"], ["first", "register"]);
  (code ? $("second-code") : $("second-passkey")).focus();
}

onSubmit("signin-form", "signin-submit", async () => {
  const request = { tenant: $("signin-tenant").value.trim(), name: $("signin-name").value.trim(), password: $("signin-password").value };
  $("signin-password").value = "";
  goOn(await call("AuthService/SignIn", request));
});
onClick("signin-passkey", async () => goOn(await showPasskey("PasskeySignIn")));
onClick("second-passkey", async () => goOn(await showPasskey("Factor")));
onSubmit("second-form", "second-submit", async () => {
  const code = $("second-code").value.replaceAll(" ", "");
  $("second-code").value = "";
  goOn(await call("AuthService/VerifyCode", { code }));
});
onClick("second-cancel", async () => {
  await call("AuthService/SignOut");
  show(["first"], ["second", "register"]);
});
registering(onward);

// Somebody who comes back from a provider, or has shown one factor only, goes on from there.
async function start() {
  let me;
  try {
    me = await call("AuthService/GetCaller");
  } catch {
    return false; // nobody yet
  }
  if (me.mfa) {
    onward();
    return true;
  }
  const { factors = [] } = await call("AccountService/ListFactors");
  if (factors.length) second(factors.map((f) => f.kind));
  else show(["register"]);
  return true;
}

const options = await call("AuthService/GetSignInOptions").catch((err) => {
  fail(err);
  return {};
});
$("needs-enrolment").hidden = !options.needsEnrolment;
$("signin-passkey").hidden = !canPasskey;
for (const provider of options.oidcProviders || []) {
  const b = document.createElement("button");
  b.type = "button";
  b.id = "oidc-" + provider;
  b.textContent = t("signin.oidc") + " " + provider;
  onClick(b, async () => location.assign((await call("AuthService/StartOIDC", { provider, returnTo: nextPath() })).url));
  $("oidc").append(b);
}
if (!(await start())) show(["first"]);
