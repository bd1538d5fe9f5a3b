// People: invitations, roles, sessions, groups; what an owner of a tenant sees.
import { check } from "../lib.mjs";
import { choose, dialog, fresh, go, quietly, rows } from "./directory_shared.mjs";
import { grid, heading, settled } from "./shared.mjs";

// people: a link is copied and used up by another browser; roles and sessions are changed under its eyes.
export async function people(ann, world) {
  const { page } = ann;
  await go(world, page, "/users?tenant=acme");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const form = dialog(page, "Invite somebody");
  await form.getByLabel("Name", { exact: false }).first().fill("Hugo!");
  await form.getByText("it begins with a letter or digit").waitFor();
  await form.getByLabel("Name", { exact: false }).first().fill("hugo");
  await form.getByLabel("Shown as").fill("Hugo Brandt");
  await form.getByRole("checkbox", { name: "Owner" }).check();
  await settled(page);
  await ann.axe("the form of an invitation", true);
  await ann.shot("console-invite");
  await form.getByRole("button", { name: "Make the account and its link" }).click();
  const shown = dialog(page, "The link for hugo");
  await fresh(page, shown);
  await settled(page);
  await ann.axe("a link that is shown once", true);
  await ann.shot("console-link");
  await shown.getByRole("button", { name: "Copy: Link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  check(link.startsWith(`${world.url}/enrol#`), `what is copied is ${link}`);
  await shown.getByRole("button", { name: "I have it" }).click();
  await grid(page).getByRole("link", { name: "hugo", exact: true }).click();
  await heading(page, /Hugo/).waitFor();
  await page.getByText("invited", { exact: true }).waitFor();
  world.ids.hugo = new URL(page.url()).pathname.split("/")[2];

  const hugo = await world.person("hugo");
  await hugo.enrol(link, "nine herons over ghent");
  await quietly(hugo, async () => {
    await hugo.page.goto(link); // it was used up
    await hugo.page.locator("#error").filter({ hasText: /./ }).waitFor();
  });
  await ownTenant(hugo, world);
  await go(world, page, `/users/${world.ids.hugo}`);
  await page.getByText("active", { exact: true }).first().waitFor();
  await changeRoles(ann);
  await hugo.page.goto(`${world.url}/groups`);
  await hugo.page.getByRole("heading", { level: 1, name: "Groups" }).waitFor();
  await endSessions(ann, hugo);
  await hugo.close();
}

// ownTenant: an owner sees and makes what is in the own tenant, and is told what is not theirs.
async function ownTenant(hugo, world) {
  const { page } = hugo;
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
  await hugo.axe("what may not be done", true);
  await go(world, page, "/pools");
  await grid(page).getByRole("link", { name: "edge" }).waitFor();
  check((await grid(page).getByText("globex").count()) === 0, "an owner sees another tenant's pool");
  await go(world, page, "/pools/globex/default");
  await page.getByRole("alert").getByText("not_found").waitFor();
  await go(world, page, "/settings");
  await page.getByText("Administrators and auditors of the provider see").waitFor();
  await hugo.axe("settings of an owner");
  await go(world, page, `/users/${world.ids.hugo}`);
  await page.getByRole("region", { name: "Sessions" }).getByText("this one").waitFor();
}

async function changeRoles(ann) {
  const { page } = ann;
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const form = dialog(page, "Change hugo");
  await form.getByRole("checkbox", { name: "Auditor" }).check();
  await form.getByText("+ Roles: Auditor").waitFor();
  await settled(page);
  await ann.axe("a change of roles", true);
  await ann.shot("console-change-user");
  await form.getByRole("button", { name: "Save" }).click();
  await fresh(page, page.getByRole("region", { name: "Roles, groups and hosts" }).getByText("Auditor", { exact: true }));
}

async function endSessions(ann, hugo) {
  const { page } = ann;
  await choose(page, "End all sessions");
  const ask = dialog(page, "End all sessions of hugo?");
  await ask.getByText(/Now: [1-9]\d* session/).waitFor();
  await settled(page);
  await ann.axe("the end of sessions", true);
  await ask.getByRole("button", { name: "End all sessions" }).click();
  await hugo.page.waitForURL(/\/sign-in/);
  await page.getByText("Nobody is signed in with this account.").waitFor();
}

// lastAdministrator: what would lock everybody out is refused, and said so; what can't be undone asks for the name.
export async function lastAdministrator(ann, world) {
  const { page } = ann;
  const account = async (name) => {
    await go(world, page, "/users?tenant=system");
    await grid(page).getByRole("link", { name, exact: true }).click();
    await page.getByRole("region", { name: "Roles, groups and hosts" }).waitFor();
  };
  const administrates = async (name, yes) => {
    await account(name);
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await dialog(page, `Change ${name}`).getByRole("checkbox", { name: "Administrator" }).setChecked(yes);
    await dialog(page, `Change ${name}`).getByRole("button", { name: "Save" }).click();
    const rights = page.getByRole("region", { name: "Roles, groups and hosts" });
    await fresh(page, yes ? rights.getByText("Administrator", { exact: true }) : rights.getByText(/The account has no role/));
  };
  for (const name of ["admin", "pia"]) await administrates(name, false);
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
  for (const name of ["pia", "admin"]) await administrates(name, true);
  await choose(page, "Delete");
  const ask = dialog(page, "Delete admin?");
  check(await ask.getByRole("button", { name: "Delete" }).isDisabled(), "an account can be deleted without its name");
  await settled(page);
  await ann.axe("deleting an account", true);
  await ask.getByRole("button", { name: "Cancel" }).click();
}

// keyboard makes a group without a mouse.
export async function keyboard(ann, world) {
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
  await add.getByRole("textbox", { name: "Users" }).or(add.getByRole("combobox", { name: "Users" })).first().fill("hu");
  await page.getByRole("option", { name: /hugo/ }).click();
  await page.keyboard.press("Escape");
  await settled(page);
  await ann.axe("adding people to a group", true);
  await add.getByRole("button", { name: "Add people" }).click();
  await fresh(page, page.getByRole("button", { name: "Take out hugo" }));
}

// hostile: names that people gave are text, and none turns others round.
export async function hostile(ann, world) {
  const { page } = ann;
  await go(world, page, "/groups?tenant=acme");
  await grid(page).getByRole("link", { name: /^<img src=x/ }).click();
  await heading(page, /^<img src=x/).waitFor();
  check((await page.locator("main img").count()) === 0 && (await page.title()) !== "owned", "the name of a group is taken for markup");
  await go(world, page, "/users?tenant=acme");
  await grid(page).getByText("\\u202etxt.exe").waitFor();
}
