// Findings: by kind, so that a thousand equal ones are one line; who sees to them; and one by itself.
import { becomes, check } from "../lib.mjs";
import { grid, settled } from "./shared.mjs";

const pages = [
  { name: "findings", at: "/findings", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() },
  { name: "findings-new", at: "/findings?view=new&group=severity&tenant=acme", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() },
  {
    name: "finding",
    at: (world) => world.ids.finding,
    ready: (p) => p.getByText("nc -lvp 4444").waitFor(),
  },
];

// known finds a finding about a container whose processes want to be more than text.
async function known(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/findings?q=web-frontend+edge-02&group=kind`);
  await grid(page).getByRole("row", { expanded: false }).first().click();
  await grid(page).getByRole("row").nth(2).getByRole("gridcell").nth(2).click();
  await page.getByRole("dialog", { name: "Finding" }).getByRole("link", { name: "Evidence, processes, history" }).click();
  await page.waitForURL(/\/findings\/[0-9a-f]+\/.+/);
  const at = new URL(page.url());
  world.ids.finding = at.pathname + at.search;
}

// usual: findings are by kind until somebody wants them otherwise, also in a view and of a tenant.
async function usual(ann, world) {
  const { page } = ann;
  for (const search of ["", "?view=new", "?tenant=acme", "?view=new&tenant=acme"]) {
    await page.goto(`${world.url}/findings${search}`);
    await grid(page).getByRole("row", { expanded: false }).first().waitFor();
    await page.getByRole("button", { name: "By Check", exact: true }).waitFor();
  }
  const by = async (button, group, is) => {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.getByRole("radio", { name: group, exact: true }).click();
    await page.waitForURL(is);
    await page.keyboard.press("Escape");
  };
  await by("By Check", "Nothing", /[?&]group=-/);
  await page.getByRole("grid", { name: "Findings" }).waitFor();
  await becomes(async () => (await grid(page).getByRole("row", { expanded: false }).count()) === 0, "findings are in groups that nobody wants");
  await by("Group by", "Check", /[?&]group=kind/);
  await page.getByRole("treegrid", { name: "Findings" }).waitFor();
}

async function grouped(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/findings?group=severity`);
  await grid(page).getByRole("row", { expanded: false }).first().click();
  await grid(page).getByRole("row", { expanded: true }).first().waitFor();
  await grid(page).getByRole("row").nth(2).getByRole("gridcell").nth(2).click();
  await page.getByRole("dialog", { name: "Finding" }).waitFor();
  await settled(page);
  await ann.axe("a finding", true);
  await ann.shot("console-finding-drawer");
}

// triaged selects a whole group with one click, previews, and finds it again under "mine".
async function triaged(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/findings?view=new&group=kind&tenant=acme`);
  await grid(page).getByRole("row", { expanded: false }).first().waitFor();
  const row = grid(page).getByRole("row", { expanded: false }).first();
  const count = Number(await row.locator("[class*=count]").innerText());
  await row.getByRole("checkbox").check();
  await page.getByRole("button", { name: `Triage ${count} finding` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(`This is about ${count} finding`).waitFor();
  check(await dialog.getByRole("button", { name: "Triage" }).isDisabled(), "nothing can be recorded");
  await dialog.getByLabel("State").selectOption("in_progress");
  await dialog.getByLabel("Owner").selectOption("me");
  await dialog.getByLabel("Comment").fill("with the new hosts\n<img src=x onerror=\"document.title='owned'\">");
  await settled(page);
  await ann.axe("triage", true);
  await ann.shot("console-triage");
  await dialog.getByRole("button", { name: `Triage ${count} finding` }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("radiogroup").getByText("Mine", { exact: true }).click();
  await page.waitForURL(/view=mine/);
  await page.getByText(new RegExp(`^${count} rows?$`)).waitFor();
  await page.goto(`${world.url}/?tenant=acme`);
  await page.getByRole("link", { name: new RegExp(`^${count} findings? (is|are) yours$`) }).waitFor();
}

// one: evidence leads to the fact, processes are a tree, what is said is there, and who comes second is told.
async function one(ann, world) {
  const { page } = ann;
  await page.goto(world.url + world.ids.finding);
  await page.getByText("nc -lvp 4444").waitFor();
  const depth = await page.getByText("nc -lvp 4444").evaluate((e) => {
    let n = 0;
    for (let at = e.closest("ul"); at !== null; at = at.parentElement.closest("ul")) n++;
    return n;
  });
  check(depth === 5, `nc is ${depth} levels deep: systemd, shim, web, sh, nc`);
  await page.getByText("<img src=x", { exact: false }).first().waitFor();
  check((await page.title()) !== "owned" && (await page.locator("main img").count()) === 0, "an argument was taken for markup");
  check((await page.locator("main").innerText()).includes("\\u202egpj.sh"), "what turns text round is hidden");
  const say = async (on, text) => {
    await on.getByRole("textbox", { name: "Comment" }).fill(text);
    await on.getByRole("button", { name: "Comment" }).click();
    await on.getByRole("listitem").getByText(text.split("\n").at(-1)).waitFor(); // not in the field
  };
  await say(page, "seen\nin two lines");
  // Somebody else is faster: nothing is overwritten.
  await page.getByRole("button", { name: "Triage" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("State").selectOption("false_positive");
  const other = await page.context().newPage();
  await other.goto(world.url + world.ids.finding);
  await say(other, "me first");
  await other.close();
  await page.bringToFront();
  ann.quiet = true; // Chromium complains of the conflict
  await dialog.getByRole("button", { name: "Triage 1 finding" }).click();
  await dialog.getByRole("alert").getByText("triaged by somebody else meanwhile").waitFor();
  ann.quiet = false;
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("me first").waitFor();
  check((await page.getByText("false positive", { exact: true }).count()) === 0, "somebody was overwritten");
  await page.getByRole("link", { name: "see the fact" }).first().click();
  await page.waitForURL(/\/facts\?/);
}

export default { pages, first: [known], flows: [usual, grouped, triaged, one] };
