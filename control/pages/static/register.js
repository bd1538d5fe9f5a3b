// Registers a second factor and shows the recovery codes, on each page that has the part "register".
import { callFresh } from "./stepup.js";
import { canPasskey, createPasskey } from "./passkey.js";
import { $, onClick, onSubmit, say, show, t } from "./ui.js";

// showCodes shows recovery codes until the person has kept them.
export function showCodes(codes) {
  return new Promise((resolve) => {
    $("recovery-codes").replaceChildren(
      ...codes.map((c) => {
        const li = document.createElement("li");
        li.textContent = c;
        return li;
      }),
    );
    show(["recovery"], ["register"]);
    $("recovery-done").onclick = () => {
      $("recovery-codes").replaceChildren();
      $("recovery").hidden = true;
      resolve();
    };
    $("recovery-copy").onclick = async () => {
      await navigator.clipboard.writeText(codes.join("\n"));
      $("status").textContent = t("recovery.copied");
    };
  });
}

// registering wires the forms; done is called after each new factor.
export function registering(done) {
  let totp;
  const finished = async (res) => {
    say("register.done");
    $("totp-secret").hidden = true;
    $("totp-uri").href = "#";
    $("totp-text").textContent = $("totp-code").value = $("passkey-name").value = "";
    $("totp-begin").hidden = false;
    if (res.recoveryCodes?.length) await showCodes(res.recoveryCodes);
    done();
  };
  if (!canPasskey) $("passkey-form").hidden = true;
  onSubmit("passkey-form", "passkey-add", async () => finished(await createPasskey($("passkey-name").value, callFresh)));
  onClick("totp-begin", async () => {
    totp = await callFresh("AccountService/BeginTOTP");
    $("totp-uri").href = totp.uri;
    $("totp-text").textContent = totp.secret.replace(/(.{4})(?=.)/g, "$1 ");
    const drawn = await fetch("/pages/qr", { method: "POST", body: totp.uri, cache: "no-store" });
    if (drawn.ok) $("totp-qr").src = "data:image/svg+xml;base64," + btoa(await drawn.text());
    $("totp-qr").hidden = !drawn.ok;
    $("totp-begin").hidden = true;
    show(["totp-secret"]);
  });
  onSubmit("totp-form", "totp-finish", async () => {
    if (!totp) return;
    finished(await callFresh("AccountService/FinishTOTP", { id: totp.id, code: $("totp-code").value.replaceAll(" ", ""), name: t("kind.totp") }));
  });
}
