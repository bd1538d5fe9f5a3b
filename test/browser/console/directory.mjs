// People and what they hold: users, groups, tenants, tokens, pools and their roll-outs, settings.
import { check } from "../lib.mjs";
import { hostile, keyboard, lastAdministrator, people } from "./directory_people.mjs";
import { dialog, fresh, go, quietly, rows } from "./directory_shared.mjs";
import { grid, heading, settled } from "./shared.mjs";

const h1 = (p) => p.getByRole("heading", { level: 1 }).waitFor();
const panel = (name) => (p) => p.getByRole("region", { name }).first().waitFor();

const pages = [
  { name: "users", at: "/users", ready: rows },
  { name: "user", at: (w) => `/users/${w.ids.hugo}`, ready: (p) => p.locator("main code").first().waitFor() },
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
  await grid(page).getByText("initech").waitFor({ state: "detached" });
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
