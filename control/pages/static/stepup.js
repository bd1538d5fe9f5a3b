// Asks for a fresh second factor where the server wants one, and calls again.
import { call } from "./api.js";
import { canPasskey, showPasskey } from "./passkey.js";
import { $, sentence } from "./ui.js";

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

function ask() {
  const dialog = $("stepup");
  const ended = new AbortController();
  const on = (id, event, work) => $(id).addEventListener(event, work, { signal: ended.signal });
  $("stepup-code").value = "";
  $("stepup-error").hidden = true;
  $("stepup-passkey").hidden = !canPasskey;
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
