// The guard of the engine: who did what to which object, what was refused by which rule, from observing to enforcing, and approvals in place.
import { becomes, check } from "../lib.mjs";
import { factored, grid, heading, open, settled } from "./shared.mjs";

const firstRow = (p) => grid(p).getByRole("row").nth(1).waitFor();
const rules = (p) => p.getByRole("heading", { level: 3 }).first().waitFor();

// Raw pages show names of settings, which look like keys.
const pages = [
  { name: "guard", at: "/guard?since=7d", ready: firstRow },
  { name: "guard-refused", at: "/guard/refused", raw: true, ready: rules },
  { name: "guard-enforce", at: "/guard/enforce", raw: true, ready: rules },
  { name: "guard-node", at: (w) => `/guard/enforce?node=${w.ids.db}`, raw: true, ready: rules },
  { name: "guard-approvals", at: "/guard/approvals", raw: true, ready: (p) => p.getByText("ContainerCopyOut").first().waitFor() },
];

const drawer = (page) => page.getByRole("dialog");

// calls: filters stand in the address and are asked of the server; a row opens the call with its rule, what would pass, and its proof.
async function calls(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("guard"));
  const filters = page.getByRole("group", { name: "Which calls" });
  await filters.getByLabel("Outcome").selectOption("refused");
  await page.waitForURL(/outcome=refused/);
  await filters.getByLabel("Who").selectOption("alice");
  await page.waitForURL(/actor=alice/);
  await grid(page).getByRole("row").filter({ hasText: "debug" }).first().waitFor();
  await becomes(async () => (await grid(page).getByText("allowed", { exact: true }).count()) === 0, "calls that were not refused are shown");
  const link = page.url();
  await page.goto("about:blank");
  await page.goto(link);
  await grid(page).getByRole("row").filter({ hasText: "debug" }).first().waitFor();
  await becomes(async () => (await filters.getByLabel("Who").inputValue()) === "alice", "the address does not keep who");
  await grid(page).getByRole("row").filter({ hasText: "debug" }).first().getByText("debug").click();
  await drawer(page).getByText("a privileged program has the whole host").first().waitFor();
  await drawer(page).getByRole("link", { name: "profile_baseline/privileged" }).waitFor();
  await drawer(page).getByText("leave out --privileged").first().waitFor();
  await settled(page);
  await ann.axe("a refused call", true);
  await ann.shot("console-guard-call");
  await drawer(page).getByRole("link", { name: "Record and proof" }).click();
  await page.getByText("All that the server says of the record stands in the entry.").waitFor();
  await page.goBack();
  await drawer(page).getByRole("link", { name: "Explain the decision" }).click();
  await page.getByRole("region", { name: "Answer" }).getByText("refused", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Answer" }).getByRole("link", { name: "profile_baseline/privileged" }).waitFor();
}

// keyboard: the table is gone through and a call opened and closed without a mouse.
async function keyboard(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("guard"));
  await grid(page).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await drawer(page).getByText("Audit record", { exact: true }).waitFor();
  check(page.url().includes("call="), "the address does not have the call that is open");
  await page.keyboard.press("Escape");
  await drawer(page).waitFor({ state: "detached" });
}

// objects: a container of the inventory is a link to it, and all calls of one object are a click away.
async function objects(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/guard?since=7d&action=ContainerRestart`);
  await grid(page).getByRole("row").nth(1).getByText("allowed").or(grid(page).getByRole("row").nth(1).getByText("would be refused")).click();
  await drawer(page).getByRole("link", { name: /^only these ?: 0+2$/ }).click();
  await page.waitForURL(/object=/);
  await firstRow(page);
  await page.keyboard.press("Escape");
  await grid(page).getByRole("link", { name: "web-frontend" }).first().click();
  await page.waitForURL(/\/containers\//);
  // And back: from the object to all that was done to it, and from a node to the calls of its engine.
  await page.getByRole("link", { name: "Who did what to it" }).click();
  await page.waitForURL((u) => u.pathname === "/guard" && u.searchParams.get("type") === "Container" && u.searchParams.get("since") === "30d");
  await firstRow(page);
  const others = grid(page).getByRole("row").filter({ hasNotText: "web-frontend" });
  await becomes(async () => (await others.count()) === 1, "calls are about something else"); // one is the heads of the columns
  await page.goto(`${world.url}/nodes/${world.ids.db}`);
  await page.getByRole("link", { name: "Calls to its engine" }).click();
  await page.waitForURL((u) => u.pathname === "/guard" && u.searchParams.get("node") === world.ids.db);
  await firstRow(page);
  await becomes(async () => (await grid(page).getByRole("link", { name: "edge-01" }).count()) === 0, "calls of one node have another's");
}

// live: what happens meanwhile comes by itself, where somebody wants that.
async function live(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/guard?since=1h`);
  await firstRow(page);
  await page.getByRole("switch", { name: /Read new calls/ }).check({ force: true });
  await world.outside("guard-call came-meanwhile");
  await grid(page).getByRole("row").filter({ hasText: "came-meanwhile" }).waitFor();
}

// refused: by rule, with the reason, what would pass, and the calls.
async function refused(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("guard-refused"));
  const item = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "profile_baseline/privileged" }) });
  await item.getByText("name the single capabilities").waitFor();
  await item.getByRole("button", { name: /Show its calls/ }).click();
  const list = page.getByRole("list", { name: "Calls of profile_baseline/privileged" });
  await list.getByText("debug").first().waitFor();
  await ann.axe("the calls of a rule", true);
  await ann.shot("console-guard-rule");
  await list.getByRole("link").first().click();
  await page.waitForURL(/\/guard\?.*call=/);
  await drawer(page).getByText("a privileged program has the whole host").first().waitFor();
}

// enforcing: the guards, one node's next step with what to copy, what enforcement would have refused there, and the rules.
async function enforcing(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("guard-enforce"));
  const row = (name) => page.getByRole("grid", { name: "Guards" }).getByRole("row").filter({ hasText: name });
  await row("edge-01").getByText("enforce").waitFor();
  await row("edge-01").getByText("locked", { exact: true }).waitFor();
  await row("edge-02").getByText("no guard").waitFor();
  await row("db-primary").getByText("observe").click();
  await page.waitForURL(new RegExp(`node=${world.ids.db}`));
  const next = page.getByRole("region", { name: "What to do next" });
  await next.getByText("Enforce the profile").waitFor();
  await next.getByRole("button", { name: /Copy: Setting/ }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(copied === "guard:\n  enabled: true\n  mode: enforce", `what is copied is ${copied}`);
  const would = page.getByRole("region", { name: "What enforce would have refused on db-primary in the last 7 days" });
  await would.getByRole("link", { name: "profile_baseline/privileged" }).waitFor();
  await would.getByRole("button", { name: /Show its calls/ }).first().click();
  await would.getByText("would be refused").first().waitFor();
  const of = page.getByRole("region", { name: "Rules of the profiles" });
  await of.getByRole("link", { name: "profile_baseline/devices", exact: true }).waitFor();
  await of.getByText(/^restricted/).click();
  await of.getByRole("link", { name: "profile_restricted/root", exact: true }).waitFor();
  await of.getByText(/^own/).click();
  await of.getByText("No own rules").waitFor();
}

// approvals: what waits is counted on the tab and decided in place.
async function approvals(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/`); // the overview says that it waits, and leads to where it is decided
  await page.getByRole("link", { name: "olga asks for ContainerCopyOut" }).click();
  await page.waitForURL((u) => u.pathname === "/guard/approvals");
  await page.getByRole("link", { name: "Approvals 1 waits for you" }).waitFor();
  // Who decides sees which container it is about, not only an id.
  await page.getByRole("region", { name: "Waiting for a decision" }).getByRole("link", { name: "redis-cache" }).waitFor();
  await page.getByRole("button", { name: /^Approve: ContainerCopyOut/ }).click();
  const dialog = page.getByRole("dialog", { name: "Approve the request?" });
  await dialog.getByRole("link", { name: "redis-cache" }).waitFor();
  await dialog.getByLabel("For the one who asked").fill("until the report is written");
  await settled(page);
  await ann.axe("an approval of a call", true);
  await dialog.getByRole("button", { name: "Approve", exact: true }).click();
  await factored(page, page.getByText("Nothing waits for you"));
  await page.getByRole("region", { name: "Access of others that is in force" }).getByText("ContainerCopyOut").waitFor();
  await page.getByRole("link", { name: "Approvals", exact: true }).waitFor();
  await heading(page, "Engine guard").waitFor();
}

export default { pages, flows: [calls, keyboard, objects, live, refused, enforcing], late: [approvals] };
