// All that is done daily, without a mouse: what has the focus is looked at, pressed or typed into, and after each dialogue the focus is
// where one goes on.
import { becomes, check } from "../lib.mjs";
import { grid } from "./shared.mjs";

const pages = [];

const focused = (locator) => locator.evaluate((e) => e === document.activeElement);
const what = (page) => page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));

/** returned waits until the focus is where it was. */
const returned = (locator, when) => becomes(() => focused(locator), `${when}, the focus is not back`);

/** tabTo presses Tab until something has the focus. */
async function tabTo(page, locator, { key = "Tab", most = 80 } = {}) {
  await locator.waitFor();
  for (let i = 0; i < most; i++) {
    if (await focused(locator)) return;
    await page.keyboard.press(key);
  }
  check(await focused(locator), `${most} times ${key} do not lead to ${locator}: the focus is on ${await what(page)}`);
}

/** arrowTo presses an arrow until an item of a menu has the focus. */
const arrowTo = (page, locator) => tabTo(page, locator, { key: "ArrowDown", most: 20 });

async function press(page, locator, key = "Enter") {
  await tabTo(page, locator);
  await page.keyboard.press(key);
}

/** pick chooses a value of a list of choices by arrows. */
async function pick(page, select, value) {
  await tabTo(page, select);
  for (let i = 0; i < 10 && (await select.inputValue()) !== value; i++) await page.keyboard.press("ArrowDown");
  check((await select.inputValue()) === value, `${value} is not chosen by arrows`);
}

async function begin(page, at) {
  await page.goto(at);
  await page.locator("main h1").waitFor();
  await page.evaluate(() => document.activeElement?.blur());
}

/** row goes to a row of the table of a page, the first by itself. */
async function row(page) {
  await grid(page).getByRole("row").nth(1).waitFor();
  await tabTo(page, grid(page));
  await page.keyboard.press("ArrowDown");
  await becomes(async () => (await grid(page).getAttribute("aria-activedescendant")) !== null, "no row is active");
}

// triage: a finding is opened from the table, gets a state, an owner and a comment, and is commented again on its page.
async function keyboardTriage(ann, world) {
  const { page } = ann;
  await begin(page, `${world.url}/findings?group=-&tenant=acme&q=batch-worker`);
  await row(page);
  await page.keyboard.press("Enter");
  const drawer = page.getByRole("dialog", { name: "Finding" });
  const address = await drawer.getByRole("link", { name: "Evidence, processes, history" }).getAttribute("href");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await returned(grid(page), "after a finding was closed");
  await page.keyboard.press("Enter"); // the same row
  await press(page, drawer.getByRole("button", { name: "Triage" }));
  const dialog = page.getByRole("dialog", { name: "What is made of it" });
  await pick(page, dialog.getByLabel("State"), "in_progress");
  await pick(page, dialog.getByLabel("Owner"), "me");
  await tabTo(page, dialog.getByLabel("Comment"));
  await page.keyboard.type("without a mouse");
  await press(page, dialog.getByRole("button", { name: "Triage 1 finding" }));
  await dialog.waitFor({ state: "detached" });
  await drawer.waitFor({ state: "detached" });
  await returned(grid(page), "after a triage");

  await begin(page, world.url + address);
  await page.getByText("without a mouse").waitFor();
  await page.getByText("in progress", { exact: true }).first().waitFor();
  await page.getByText("ann", { exact: true }).first().waitFor();
  const open = page.getByRole("button", { name: "Triage", exact: true });
  await press(page, open, "Space");
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await returned(open, "after a triage that was left");
  await tabTo(page, page.getByRole("textbox", { name: "Comment" }));
  await page.keyboard.type("nor here");
  await press(page, page.getByRole("button", { name: "Comment", exact: true }), "Space");
  await page.getByRole("listitem").getByText("nor here").waitFor();
}

// filter: a choice above a table is opened, made by Space, and left by Escape; the table has what was chosen.
async function keyboardFilter(ann, world) {
  const { page } = ann;
  await begin(page, `${world.url}/findings?group=-`);
  await grid(page).getByRole("row").nth(1).waitFor();
  const tools = page.getByRole("group", { name: "View of Findings" });
  const button = tools.getByRole("button", { name: /^Severity( · 1)?$/ });
  await press(page, button);
  const choices = page.getByRole("group", { name: "Severity" });
  const first = choices.getByRole("checkbox").first();
  await tabTo(page, first);
  const wanted = await choices.locator("label").filter({ hasText: /\(\d+\)/ }).first().innerText();
  await page.keyboard.press("Space");
  await page.waitForURL(/only=severity/);
  check(await first.isChecked(), "Space does not choose");
  await page.keyboard.press("Escape");
  await choices.waitFor({ state: "detached" });
  await returned(button, "after a choice");
  check((await button.innerText()) === "Severity · 1", `the button does not say that something was chosen: ${await button.innerText()}`);
  const count = wanted.match(/\((\d+)\)/)[1];
  await page.getByRole("status").filter({ hasText: new RegExp(`^${count} of \\d+ rows`) }).waitFor();
  // Another one by its group: arrows choose what the table is grouped by.
  await press(page, tools.getByRole("button", { name: "Group by" }));
  await tabTo(page, page.getByRole("radio", { name: "Nothing", exact: true }));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await page.getByRole("treegrid", { name: "Findings" }).waitFor();
  await page.waitForURL(/group=severity/);
}

// selection: Space selects the active row, and what can be done with it is reached and left.
async function keyboardSelection(ann, world) {
  const { page } = ann;
  await begin(page, `${world.url}/findings?group=-`);
  await row(page);
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  const act = page.getByRole("button", { name: "Triage 2 findings" });
  await act.waitFor();
  await becomes(async () => (await grid(page).getByRole("checkbox", { name: "Select this row", checked: true }).count()) === 2, "two boxes are not checked");
  await tabTo(page, act, { key: "Shift+Tab", most: 20 });
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "What is made of it" });
  await dialog.getByText("This is about 2 findings").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await returned(act, "after what was selected");
  await tabTo(page, grid(page));
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Triage 1 finding" }).waitFor();
}

// destructive: a preview is left by Escape and has done nothing; it is opened again and confirmed. A token's button is gone afterwards,
// a menu's is there.
async function keyboardDestructive(ann, world) {
  const { page } = ann;
  await begin(page, `${world.url}/nodes/join`);
  await tabTo(page, page.getByLabel("What it is for"));
  await page.keyboard.type("by keyboard");
  await press(page, page.getByRole("button", { name: "Make the command" }));
  await page.getByRole("button", { name: "Copy: Commands for the new machine" }).waitFor();
  await begin(page, `${world.url}/nodes/tokens`);
  const revoke = page.getByRole("button", { name: "Revoke by keyboard" });
  await revoke.waitFor();
  await page.waitForTimeout(300); // the list came
  await press(page, revoke);
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Revoke", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await returned(revoke, "after a preview that was left");
  await page.keyboard.press("Enter");
  await press(page, dialog.getByRole("button", { name: "Revoke", exact: true }));
  await dialog.waitFor({ state: "detached" });
  await revoke.waitFor({ state: "detached" });
  await returned(grid(page), "after a token's button is gone");

  await begin(page, `${world.url}/nodes/${world.ids.db}`);
  const actions = page.getByRole("button", { name: "Actions" });
  const choose = async (item) => {
    await press(page, actions);
    await arrowTo(page, page.getByRole("menuitem", { name: item, exact: true }));
    await page.keyboard.press("Enter");
    await dialog.waitFor();
  };
  const left = async () => {
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await returned(actions, "after a menu's preview that was left");
  };
  await choose("Revoke identity");
  const type = dialog.getByLabel(/^Type/);
  await returned(type, "in a preview that wants a name");
  await page.keyboard.type("db-secondary");
  await page.keyboard.press("Enter");
  check(await dialog.getByRole("button", { name: "Revoke identity" }).isDisabled(), "another name is enough");
  await left();
  await choose("Take no new workloads");
  await left();
  await choose("Take no new workloads");
  await press(page, dialog.getByRole("button", { name: "Take no new workloads" }));
  await dialog.waitFor({ state: "detached" });
  await returned(actions, "after a menu's action");
  await press(page, actions);
  const opens = page.getByRole("menuitem", { name: "Take workloads again" });
  await arrowTo(page, opens);
  await page.keyboard.press("Enter");
  await press(page, dialog.getByRole("button", { name: "Take workloads again" }), "Space");
  await dialog.waitFor({ state: "detached" });
}

// language: the account's menu by arrows, there and back.
async function keyboardLanguage(ann, world) {
  const { page } = ann;
  await begin(page, `${world.url}/nodes`);
  const account = page.locator("header").getByRole("button").last();
  for (const [name, lang] of [["中文", "zh"], ["English", "en"]]) {
    await press(page, account);
    const item = page.getByRole("menuitemradio", { name });
    await arrowTo(page, item);
    await page.keyboard.press("Enter");
    await becomes(async () => (await page.locator("html").getAttribute("lang")) === lang, `the console is not in ${name}`);
    await page.keyboard.press("Escape"); // the menu stays, so that one sees what one chose
    await item.waitFor({ state: "detached" });
    await returned(account, "after a language was chosen");
  }
}

// views are as they come again for who looks at the pages afterwards: tables are as they were left.
async function views(ann, world) {
  await ann.page.goto(`${world.url}/about`);
  await ann.page.evaluate(() => {
    for (const key of Object.keys(localStorage).filter((k) => k.startsWith("bulkhead.table."))) localStorage.removeItem(key);
  });
}

export default { pages, flows: [keyboardTriage, keyboardFilter, keyboardSelection, keyboardDestructive, keyboardLanguage, views] };
