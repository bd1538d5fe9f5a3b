import { call } from "./api.js";
import { registering } from "./register.js";
import { $, during, keepAddress, onSubmit, show, t } from "./ui.js";

// #CODE or #code=CODE&ca=FINGERPRINT. The code leaves the address bar, and so the history.
function codeOf(fragment) {
  const text = fragment.replace(/^#/, "");
  return text.includes("=") ? new URLSearchParams(text).get("code") || "" : text;
}

let code = codeOf(location.hash);
history.replaceState(null, "", location.pathname + location.search);
keepAddress(code ? "#code=" + code : "");

async function open() {
  let who;
  try {
    who = await call("AuthService/GetEnrolment", { code });
  } catch (err) {
    show(["enrol-code-form"]);
    throw err;
  }
  $("enrol-tenant").textContent = who.tenant || "";
  $("enrol-name").value = who.name || "";
  $("enrol-name").readOnly = Boolean(who.name);
  show(["enrol-form"], ["enrol-code-form"]);
}

onSubmit("enrol-code-form", "enrol-code-submit", () => {
  const typed = $("enrol-code").value.trim();
  code = codeOf(typed.includes("#") ? typed.slice(typed.indexOf("#")) : typed);
  return open();
});

onSubmit("enrol-form", "enrol-submit", async () => {
  const password = $("enrol-password").value;
  if (password !== $("enrol-password-again").value) throw new Error(t("password.differ"));
  await call("AuthService/CompleteEnrolment", { code, name: $("enrol-name").value, password });
  code = $("enrol-password").value = $("enrol-password-again").value = "";
  keepAddress("");
  show(["register"], ["enrol-form"]);
});

registering(() => location.assign("/"));

if (code) during($("enrol-submit"), open);
else show(["enrol-code-form"]);
