import { call } from "./api.js";
import { registering, showCodes } from "./register.js";
import { callFresh } from "./stepup.js";
import { $, fail, onClick, onSubmit, say, show, signIn, t, when } from "./ui.js";

// row is a line of a table; on a small screen each value has the name of its column before it.
function row(table, cells, label, work) {
  const tr = document.createElement("tr");
  const names = $(table).tHead.rows[0].cells;
  cells.forEach((c, i) => {
    const td = tr.insertCell();
    td.textContent = c;
    td.dataset.label = names[i].textContent;
  });
  const last = tr.insertCell();
  if (work) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = label;
    b.setAttribute("aria-label", label + ": " + cells[0] + " " + cells[1]);
    onClick(b, work);
    last.append(b);
  } else {
    last.textContent = label;
  }
  return tr;
}

async function loadFactors() {
  const { factors = [] } = await call("AccountService/ListFactors");
  $("factors").tBodies[0].replaceChildren(
    ...factors.map((f) => {
      const name = f.kind === "recovery" ? (f.left || 0) + " " + t("factor.left") : f.name || "";
      const remove = async () => {
        await callFresh("AccountService/DeleteFactor", { id: f.id });
        await loadFactors();
        say("factor.deleted");
      };
      return row("factors", [t("kind." + f.kind), name, when(f.created), when(f.lastUsed)], t("factor.delete"), remove);
    }),
  );
}

async function loadSessions() {
  const { sessions = [] } = await call("AccountService/ListSessions");
  $("sessions").tBodies[0].replaceChildren(
    ...sessions.map((s) => {
      const cells = [s.userAgent || "", s.address || "", when(s.created), when(s.lastSeen)];
      if (s.current) return row("sessions", cells, t("session.current"));
      return row("sessions", cells, t("session.revoke"), async () => {
        await callFresh("AccountService/RevokeSession", { id: s.id });
        await loadSessions();
        say("session.revoked");
      });
    }),
  );
}

function describe(me) {
  $("password-user").value = me.name || ""; // for password managers
  const pairs = { "who.name": me.name, "who.tenant": me.tenant, "who.roles": (me.roles || []).join(", "), "who.until": when(me.expires) };
  $("who").replaceChildren(
    ...Object.entries(pairs).flatMap(([key, value]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = t(key);
      dd.textContent = value || "–";
      return [dt, dd];
    }),
  );
}

function fold(open) {
  $("factor-add").setAttribute("aria-expanded", String(open));
  if (open) show(["register"]);
  else $("register").hidden = true;
}

onClick("sign-out", async () => {
  await call("AuthService/SignOut");
  location.assign("/sign-in");
});
onClick("factor-add", () => fold($("register").hidden));
onClick("recovery-replace", async () => {
  const { codes = [] } = await callFresh("AccountService/ReplaceRecoveryCodes");
  showCodes(codes).then(loadFactors).catch(fail);
});
onSubmit("password-form", "password-submit", async () => {
  const newPassword = $("password-new").value;
  if (newPassword !== $("password-again").value) throw new Error(t("password.differ"));
  await callFresh("AccountService/ChangePassword", { oldPassword: $("password-old").value, newPassword });
  $("password-form").reset();
  await loadSessions();
  say("password.changed");
});
registering(() => {
  fold(false);
  Promise.all([loadFactors(), loadSessions()]).catch(fail);
});

try {
  describe(await call("AuthService/GetCaller"));
  await Promise.all([loadFactors(), loadSessions()]);
  $("account").hidden = false;
} catch (err) {
  if (err.code === "unauthenticated") signIn();
  else fail(err);
}
