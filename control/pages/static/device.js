import { call } from "./api.js";
import { callFresh } from "./stepup.js";
import { $, fail, onClick, onSubmit, say, show, signIn } from "./ui.js";

let userCode = "";

onSubmit("device-form", "device-submit", async () => {
  userCode = $("device-code").value.trim().toUpperCase();
  const device = await callFresh("AuthService/GetDevice", { userCode });
  $("device-client").textContent = device.client || "";
  $("device-address").textContent = device.address || "";
  $("device-stepup").hidden = !device.stepUp;
  show(["device"], ["device-form"]);
});

async function decide(allow) {
  await callFresh("AuthService/DecideDevice", { userCode, allow });
  $("device").hidden = true;
  say(allow ? "device.allowed" : "device.denied");
}
onClick("device-allow", () => decide(true));
onClick("device-deny", () => decide(false));

try {
  await call("AuthService/GetCaller");
  // A code in the address fills the field, and no more: the person still compares and decides.
  $("device-code").value = new URLSearchParams(location.search).get("code") || "";
  show(["device-form"]);
} catch (err) {
  if (err.code === "unauthenticated") signIn();
  else fail(err);
}
