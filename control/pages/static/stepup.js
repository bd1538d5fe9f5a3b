// Asks for a fresh second factor where the server wants one, and calls again.
import { call } from "./api.js";
import { canPasskey, showPasskey } from "./passkey.js";
import { $, sentence, t } from "./ui.js";

// callFresh is call with the question in between. A person who cancels gets no error.
export async function callFresh(method, request) {
  try {
    return await call(method, request);
  } catch (err) {
    if (err.code !== "step_up_required" && err.code !== "factor_required") throw err;
    if (!(await ask())) throw null;
    return call(method, request);
  }
}

// offerProviders lets those step up who show their second factor to an OIDC provider: they come back to this page.
async function offerProviders() {
  const { oidcProviders = [] } = await call("AuthService/GetSignInOptions");
  $("stepup-providers").replaceChildren(
    ...oidcProviders.map((provider) => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = t("signin.oidc") + " " + provider;
      b.addEventListener("click", async () => {
        const returnTo = location.pathname + location.search;
        location.assign((await call("AuthService/StartOIDC", { provider, returnTo, fresh: true })).url);
      });
      return b;
    }),
  );
}

function ask() {
  const dialog = $("stepup");
  const ended = new AbortController();
  const on = (id, event, work) => $(id).addEventListener(event, work, { signal: ended.signal });
  $("stepup-code").value = "";
  $("stepup-error").hidden = true;
  $("stepup-passkey").hidden = !canPasskey;
  offerProviders();
  return new Promise((resolve) => {
    const end = (ok) => {
      ended.abort();
      dialog.close();
      resolve(ok);
    };
    const tryIt = async (work) => {
      try {
        await work();
        end(true);
      } catch (err) {
        $("stepup-error").textContent = sentence(err);
        $("stepup-error").hidden = false;
      }
    };
    on("stepup-form", "submit", (e) => {
      e.preventDefault();
      tryIt(() => call("AuthService/VerifyCode", { code: $("stepup-code").value.replaceAll(" ", "") }));
    });
    on("stepup-passkey", "click", () => tryIt(() => showPasskey("Factor")));
    on("stepup-cancel", "click", () => end(false));
    on("stepup", "cancel", (e) => {
      e.preventDefault();
      end(false);
    });
    dialog.showModal();
    $("stepup-code").focus();
  });
}
