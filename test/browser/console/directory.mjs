// People and what they hold: users, groups, tenants, tokens, pools and their roll-outs, settings.
import { check, Person } from "../lib.mjs";
import { grid, heading, settled } from "./shared.mjs";

const rows = (p) => grid(p).getByRole("row").nth(1).waitFor();
const h1 = (p) => p.getByRole("heading", { level: 1 }).waitFor();
const panel = (name) => (p) => p.getByRole("region", { name }).first().waitFor();

const pages = [
  { name: "users", at: "/users", ready: rows },
  { name: "user", at: (w) => `/users/${w.ids.otto}`, ready: (p) => p.locator("main code").first().waitFor() },
  { name: "groups", at: "/groups", ready: rows },
  { name: "group", at: (w) => `/groups/${w.ids.group}`, ready: h1 },
  { name: "tenants", at: "/tenants", ready: rows },
  { name: "tenant", at: "/tenants/acme", ready: h1 },
  { name: "tokens", at: "/tokens", ready: rows },
  { name: "join-tokens", at: "/nodes/tokens", ready: rows },
  { name: "pools", at: "/pools", ready: rows },
  { name: "pool", at: "/pools/globex/default", ready: (p) => p.locator("article").first().waitFor() },
  { name: "pool-windows", at: "/pools/acme/edge", ready: panel(/When work may be done|可维护时间/) },
  { name: "settings", at: "/settings", ready: panel(/How long is kept|保留期/) },
];

const dialog = (page, name) => page.getByRole("dialog", { name });
const go = (world, page, at) => page.goto(world.url + at);

// fresh waits for what an action leads to, and shows a factor where that is asked for first.
async function fresh(page, until) {
  const again = dialog(page, "Show your second factor again");
  await Promise.race([again.waitFor(), until.waitFor()]);
  if (await again.isVisible()) await again.getByRole("button", { name: "Use a passkey" }).click();
  await until.waitFor();
}

// quietly does what the server refuses on purpose, of which Chromium complains.
async function quietly(person, work) {
  person.quiet = true;
  await work();
  person.quiet = false;
}

async function choose(page, action) {
  await page.getByRole("button", { name: "Actions", exact: true }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

// people: a link is copied and used up by another browser; roles and sessions are changed under its eyes.
async function people(ann, world) {
  const { page } = ann;
  await go(world, page, "/users?tenant=acme");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const form = dialog(page, "Invite somebody");
  await form.getByLabel("Name", { exact: false }).first().fill("Otto!");
  await form.getByText("it begins with a letter or digit").waitFor();
  await form.getByLabel("Name", { exact: false }).first().fill("otto");
  await form.getByLabel("Shown as").fill("Otto Brandt");
  await form.getByRole("checkbox", { name: "Owner" }).check();
  await settled(page);
  await ann.axe("the form of an invitation", true);
  await ann.shot("console-invite");
  await form.getByRole("button", { name: "Make the account and its link" }).click();
  const shown = dialog(page, "The link for otto");
  await fresh(page, shown);
  await settled(page);
  await ann.axe("a link that is shown once", true);
  await ann.shot("console-link");
  await shown.getByRole("button", { name: "Copy: Link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  check(link.startsWith(`${world.url}/enrol#`), `what is copied is ${link}`);
  await shown.getByRole("button", { name: "I have it" }).click();
  await grid(page).getByRole("link", { name: "otto", exact: true }).click();
  await page.getByText("invited", { exact: true }).waitFor();
  world.ids.otto = new URL(page.url()).pathname.split("/")[2];

  const otto = await Person.start("otto", { url: world.url, spki: process.argv[5], shots: ann.shots, problems: ann.problems });
  try {
    await otto.enrol(link, "nine herons over ghent");
    await quietly(otto, async () => {
      await otto.page.goto(link); // it was used up
      await otto.page.locator("#error").filter({ hasText: /./ }).waitFor();
    });
    await ownTenant(otto, world);
    await go(world, page, `/users/${world.ids.otto}`);
    await page.getByText("active", { exact: true }).first().waitFor();
    await changeRoles(ann);
    await otto.page.goto(`${world.url}/groups`);
    await otto.page.getByRole("heading", { level: 1, name: "Groups" }).waitFor();
    await endSessions(ann, otto);
  } finally {
    await otto.close();
  }
}

// ownTenant: an owner sees and makes what is in the own tenant, and is told what is not theirs.
async function ownTenant(otto, world) {
  const { page } = otto;
  await go(world, page, "/users");
  await grid(page).getByRole("link", { name: "olga", exact: true }).waitFor();
  check((await grid(page).getByRole("link", { name: "ann", exact: true }).count()) === 0, "an owner sees the provider's people");
  await go(world, page, "/tenants");
  await grid(page).getByRole("link", { name: "acme" }).waitFor();
  check((await grid(page).getByText("globex").count()) === 0, "an owner sees another tenant");
  const make = page.getByRole("button", { name: "Make a tenant" });
  await page.waitForFunction(() => document.querySelector("main [aria-disabled]") !== null);
  await make.focus();
  await page.getByText(/Your rights do not include TenantCreate/).waitFor();
  await otto.axe("what may not be done", true);
  await go(world, page, "/pools");
  await grid(page).getByRole("link", { name: "edge" }).waitFor();
  check((await grid(page).getByText("globex").count()) === 0, "an owner sees another tenant's pool");
  await go(world, page, "/pools/globex/default");
  await page.getByRole("alert").getByText("not_found").waitFor();
  await go(world, page, "/settings");
  await page.getByText("Administrators and auditors of the provider see").waitFor();
  await otto.axe("settings of an owner");
  await go(world, page, `/users/${world.ids.otto}`);
  await page.getByRole("region", { name: "Sessions" }).getByText("this one").waitFor();
}

async function changeRoles(ann) {
  const { page } = ann;
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const form = dialog(page, "Change otto");
  await form.getByRole("checkbox", { name: "Auditor" }).check();
  await form.getByText("+ Roles: Auditor").waitFor();
  await settled(page);
  await ann.axe("a change of roles", true);
  await ann.shot("console-change-user");
  await form.getByRole("button", { name: "Save" }).click();
  await fresh(page, page.getByRole("region", { name: "Roles, groups and hosts" }).getByText("Auditor", { exact: true }));
}

async function endSessions(ann, otto) {
  const { page } = ann;
  await choose(page, "End all sessions");
  const ask = dialog(page, "End all sessions of otto?");
  await ask.getByText(/Now: [1-9]\d* session/).waitFor();
  await settled(page);
  await ann.axe("the end of sessions", true);
  await ask.getByRole("button", { name: "End all sessions" }).click();
  await otto.page.waitForURL(/\/sign-in/, { timeout: 10000 });
  await page.getByText("Nobody is signed in with this account.").waitFor();
}

// lastAdministrator: what would lock everybody out is refused, and said so; what can't be undone asks for the name.
async function lastAdministrator(ann, world) {
  const { page } = ann;
  const account = async (name) => {
    await go(world, page, "/users?tenant=system");
    await grid(page).getByRole("link", { name, exact: true }).click();
    await page.getByRole("region", { name: "Roles, groups and hosts" }).waitFor();
  };
  const administrates = async (yes) => {
    await account("admin");
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await dialog(page, "Change admin").getByRole("checkbox", { name: "Administrator" }).setChecked(yes);
    await dialog(page, "Change admin").getByRole("button", { name: "Save" }).click();
    const rights = page.getByRole("region", { name: "Roles, groups and hosts" });
    await fresh(page, yes ? rights.getByText("Administrator", { exact: true }) : rights.getByText(/The account has no role/));
  };
  await administrates(false);
  await account("ann");
  await choose(page, "Disable");
  await quietly(ann, async () => {
    await dialog(page, "Disable ann?").getByRole("button", { name: "Disable" }).click();
    await page.getByRole("alert").getByText("last_administrator").waitFor();
  });
  await settled(page);
  await ann.axe("a refusal", true);
  await ann.shot("console-last-administrator");
  await dialog(page, "Disable ann?").getByRole("button", { name: "Cancel" }).click();
  await administrates(true);
  await choose(page, "Delete");
  const ask = dialog(page, "Delete admin?");
  check(await ask.getByRole("button", { name: "Delete" }).isDisabled(), "an account can be deleted without its name");
  await settled(page);
  await ann.axe("deleting an account", true);
  await ask.getByRole("button", { name: "Cancel" }).click();
}

// keyboard makes a group without a mouse.
async function keyboard(ann, world) {
  const { page } = ann;
  await go(world, page, "/groups?tenant=acme");
  await rows(page);
  const at = () => page.evaluate(() => `${document.activeElement?.textContent}|${document.activeElement?.getAttribute("name") ?? ""}|${document.activeElement?.getAttribute("value") ?? ""}`);
  const tabTo = async (what, most) => {
    for (let i = 0; i < most && !what.test(await at()); i++) await page.keyboard.press("Tab");
    check(what.test(await at()), `${what} is not reached by Tab: ${await at()}`);
  };
  await tabTo(/^Make a group/, 40);
  await page.keyboard.press("Enter");
  await dialog(page, "Make a group").waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "INPUT");
  await page.keyboard.type("auditors of the day");
  await tabTo(/\|auditor$/, 10);
  await page.keyboard.press("Space");
  await page.getByText("+ Roles: Auditor").waitFor();
  await page.keyboard.press("Enter");
  await fresh(page, grid(page).getByRole("link", { name: "auditors of the day" }));
  await grid(page).getByRole("link", { name: "auditors of the day" }).click();
  await heading(page, "auditors of the day").waitFor();
  world.ids.group = new URL(page.url()).pathname.split("/")[2];
  await page.getByRole("button", { name: "Add people" }).click();
  const add = dialog(page, "Add people to auditors of the day");
  await add.getByRole("textbox", { name: "Users" }).or(add.getByRole("combobox", { name: "Users" })).first().fill("ot");
  await page.getByRole("option", { name: /otto/ }).click();
  await page.keyboard.press("Escape");
  await settled(page);
  await ann.axe("adding people to a group", true);
  await add.getByRole("button", { name: "Add people" }).click();
  await fresh(page, page.getByRole("button", { name: "Take out otto" }));
}

// hostile: names that people gave are text, and none turns others round.
async function hostile(ann, world) {
  const { page } = ann;
  await go(world, page, "/groups?tenant=acme");
  await grid(page).getByRole("link", { name: /^<img src=x/ }).click();
  await heading(page, /^<img src=x/).waitFor();
  check((await page.locator("main img").count()) === 0 && (await page.title()) !== "owned", "the name of a group is taken for markup");
  await go(world, page, "/users?tenant=acme");
  await grid(page).getByText("\\u202etxt.exe").waitFor();
}

// tokens: the secret is shown once, works, and is refused after it was revoked.
async function tokens(ann, world) {
  const { page } = ann;
  await go(world, page, "/tokens");
  await page.getByRole("button", { name: "Make a token" }).first().click();
  const form = dialog(page, "Make a token");
  await form.getByLabel("What it is for").fill("dashboard");
  await form.getByLabel("Scopes").fill("Read");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await settled(page);
  await ann.axe("the form of a token", true);
  await ann.shot("console-token");
  await form.getByRole("button", { name: "Make a token" }).click();
  const shown = dialog(page, "The secret of “dashboard”");
  await fresh(page, shown);
  await shown.getByRole("button", { name: "Copy: Secret" }).click();
  const secret = await page.evaluate(() => navigator.clipboard.readText());
  check(/^bht_\w+/.test(secret), `what is copied is ${secret.slice(0, 8)}…`);
  await settled(page);
  await ann.axe("a secret that is shown once", true);
  await shown.getByRole("button", { name: "I have it" }).click();
  await grid(page).getByRole("button", { name: "Revoke dashboard" }).click();
  const ask = dialog(page, "Revoke dashboard?");
  await settled(page);
  await ann.axe("revoking a token", true);
  await ask.getByRole("button", { name: "Revoke" }).click();
  await grid(page).getByRole("button", { name: "Revoke dashboard" }).waitFor({ state: "detached" });

  await go(world, page, "/nodes/tokens");
  await grid(page).getByRole("button", { name: "Revoke rack 12" }).click();
  await dialog(page, "Revoke rack 12?").getByRole("button", { name: "Revoke" }).click();
  await grid(page).getByText("revoked", { exact: true }).waitFor();
}

// tenants are made, renamed and deleted with a preview.
async function tenants(ann, world) {
  const { page } = ann;
  await go(world, page, "/tenants");
  await page.getByRole("button", { name: "Make a tenant" }).click();
  const form = dialog(page, "Make a tenant");
  await form.getByLabel("Id").fill("initech");
  await form.getByLabel("Labels").fill("region");
  await form.getByText("Each line is key=value").waitFor();
  await form.getByLabel("Labels").fill("region=us");
  await settled(page);
  await ann.axe("the form of a tenant", true);
  await form.getByRole("button", { name: "Make a tenant" }).click();
  await grid(page).getByRole("link", { name: "initech" }).click();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await dialog(page, "Change initech").getByLabel("Name").fill("Initech Inc.");
  await dialog(page, "Change initech").getByRole("button", { name: "Save" }).click();
  await heading(page, "Initech Inc.").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  const ask = dialog(page, "Delete the tenant Initech Inc.?");
  await ask.getByText("Audit records stay.").waitFor();
  await ask.getByLabel("Type “initech” to go on").fill("initech");
  await settled(page);
  await ann.axe("deleting a tenant", true);
  await ann.shot("console-delete-tenant");
  await ask.getByRole("button", { name: "Delete" }).click();
  const list = page.getByRole("heading", { level: 1, name: "Tenants" });
  await fresh(page, list);
  await grid(page).getByRole("link", { name: "globex" }).waitFor();
  check((await grid(page).getByText("initech").count()) === 0, "the tenant is still there");
}

// pools: settings are changed, rolled out, halted with a reason, and found again.
async function pools(ann, world) {
  const { page } = ann;
  await go(world, page, "/pools/globex/default");
  await page.getByText("Nothing was rolled out yet.").waitFor();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const form = dialog(page, "Change the pool default");
  await form.getByLabel("Collects every").fill("5s");
  await form.getByText("A time from 10s to 1h").waitFor();
  check(await form.getByRole("button", { name: "Save" }).isDisabled(), "what is wrong can be saved");
  await form.getByLabel("Collects every").fill("45s");
  await form.getByLabel("Steps").fill("50, 100");
  await form.getByLabel("Quiet time of each step").fill("1h");
  await form.getByRole("button", { name: "Add a window" }).click();
  await form.getByRole("group", { name: "Window 1" }).getByLabel("Begins").fill("61 * * * *");
  await form.getByText(/The new settings are rolled out to 1 node/).waitFor();
  await settled(page);
  await ann.axe("the form of a pool", true);
  await ann.shot("console-change-pool");
  await quietly(ann, async () => {
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByRole("alert").getByText("pool.windows[0].begins", { exact: true }).waitFor();
  });
  await form.getByRole("group", { name: "Window 1" }).getByLabel("Begins").fill("* * * * *");
  await form.getByRole("button", { name: "Save" }).click();
  const rollout = page.getByRole("article").first();
  await rollout.getByRole("button", { name: "Halt" }).click();
  const ask = dialog(page, "Halt the roll-out?");
  await ask.getByLabel("Reason").fill("looking at plane-02");
  await settled(page);
  await ann.axe("halting a roll-out", true);
  await ask.getByRole("button", { name: "Halt" }).click();
  await rollout.getByText("halted", { exact: true }).waitFor();
  await rollout.getByText(/looking at plane-02/).waitFor();
  await go(world, page, "/pools?tenant=globex");
  await grid(page).getByText("halted", { exact: true }).waitFor();
  await grid(page).getByRole("link", { name: "default" }).click();
  await page.getByRole("article").first().getByRole("button", { name: "Resume" }).click();
  await dialog(page, "Let the roll-out go on?").getByRole("button", { name: "Resume" }).click();
  await page.getByRole("article").first().getByText("1 of 1 nodes have it").waitFor();
}

// looks: what is chosen in the console holds for the small pages, too.
async function looks(ann, world) {
  const { page } = ann;
  await go(world, page, "/settings");
  await page.getByRole("main").getByText("Dark", { exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
  await go(world, page, "/account");
  await page.locator("#account").waitFor();
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(dark === "rgb(14, 18, 23)", `the own account is not dark: ${dark}`);
  await ann.axe("the own account, dark");
  await ann.shot("account-dark");
  await go(world, page, "/settings");
  await page.getByRole("main").getByText("Light", { exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "light");
  await go(world, page, "/device");
  const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(light === "rgb(245, 246, 248)", `the page of devices is not light: ${light}`);
}

export default { pages, flows: [people, lastAdministrator, keyboard, hostile, tokens, tenants, pools, looks] };
