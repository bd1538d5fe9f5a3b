// Goes through the console of a control plane in headless Chromium, as people would. What happens outside of the browser it asks for by
// a line on its output, and waits for an answer.
// Usage: node console.mjs URL LINK-OF-AN-ADMINISTRATOR LINK-OF-AN-AUDITOR-OF-ACME SPKI-OF-THE-CA SCREENSHOTS
import { createInterface } from "node:readline";
import { check, Person } from "./lib.mjs";

const [url, adminLink, auditorLink, spki, shots] = process.argv.slice(2);
const problems = [];
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function outside(what) {
  console.log(what);
  await answers.next();
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const grid = (page) => page.locator("[role=grid], [role=treegrid]");

// pages are all that there are, with what shows that they have come.
const pages = [
  { name: "overview", at: "/", ready: (p) => p.getByText(/of 29 requirements|29 项要求中/).waitFor() },
  { name: "requirements", at: "/requirements", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "requirement", at: "/requirements/8.1.c", ready: (p) => p.locator("article").first().waitFor() },
  { name: "nodes", at: "/nodes", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "node", at: null, ready: (p) => p.getByText("web-frontend").first().waitFor() },
  { name: "facts", at: null, ready: (p) => p.getByText(/^containers$/).first().waitFor() },
  { name: "join", at: "/nodes/join", ready: (p) => p.locator("form").waitFor() },
  { name: "findings", at: "/findings", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() },
  { name: "about", at: "/about", ready: (p) => p.getByText("control-plane", { exact: false }).first().waitFor() },
];

async function open(page, p) {
  await page.goto(url + p.at);
  await p.ready(page);
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(400); // charts and virtual rows
}

async function scheme(page, value) {
  await page.context().addCookies([{ name: "bulkhead-scheme", value, url, secure: true, sameSite: "Strict" }]);
}
async function language(page, value) {
  await page.context().addCookies([{ name: "bulkhead-lang", value, url, secure: true, sameSite: "Strict" }]);
}

// firstPage holds the first page to its size, from a cold cache.
async function firstPage(ann) {
  const { page } = ann;
  const cdp = await ann.context.newCDPSession(page);
  await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
  await open(page, pages[0]);
  const sizes = await page.evaluate(() =>
    performance.getEntriesByType("resource").filter((r) => r.name.endsWith(".js")).map((r) => [new URL(r.name).pathname, r.encodedBodySize]),
  );
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  check(sizes.length > 0 && sum > 50_000 && sum < 400_000, `the first page has ${sum} bytes of script: ${JSON.stringify(sizes)}`);
  const tiles = await page.locator('main a[href^="/requirements/8."][data-tone]').count();
  check(tiles === 29, `the picture has ${tiles} requirements`);
  console.log(`the first page has ${Math.round(sum / 1000)} kB of script`);
  await cdp.send("Network.setCacheDisabled", { cacheDisabled: false });
}

async function everyPage(ann) {
  const { page } = ann;
  for (const theme of ["light", "dark"]) {
    await scheme(page, theme);
    for (const p of pages) {
      await open(page, p);
      check((await page.locator("html").getAttribute("data-mantine-color-scheme")) === theme, `${p.name} is not ${theme}`);
      await ann.axe(`${p.name} ${theme}`);
      await ann.fits(`${p.name} at 1440`);
      await ann.shot(`console-${p.name}${theme === "dark" ? "-dark" : ""}`);
    }
  }
  await scheme(page, "light");
}

async function everyWidth(ann) {
  const { page } = ann;
  for (const width of [360, 2560]) {
    await page.setViewportSize({ width, height: width === 360 ? 780 : 1300 });
    for (const p of pages) {
      await open(page, p);
      await ann.fits(`${p.name} at ${width}`);
      if (width === 360) await ann.axe(`${p.name} at ${width}`);
      if (["overview", "nodes", "requirement"].includes(p.name)) await ann.shot(`console-${p.name}-${width}`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

async function chinese(ann) {
  const { page } = ann;
  await open(page, pages[0]);
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitemradio", { name: "中文" }).click();
  await heading(page, "总览").waitFor();
  for (const p of pages) {
    await open(page, p);
    check((await page.locator("html").getAttribute("lang")) === "zh", `${p.name} is not in Chinese`);
    // A key that has no text would be shown as it is.
    const raw = (await page.locator("body").innerText()).match(/\b(common|shell|overview|requirements|nodes|findings|table|errors)\.[a-z][\w.]+\b/);
    check(raw === null, `${p.name} shows ${raw?.[0]}`);
    await ann.fits(`${p.name} in Chinese`);
    if (["overview", "requirement"].includes(p.name)) await ann.shot(`console-${p.name}-zh`);
  }
  await language(page, "en");
}

// hostile: names that want to be more than text are text.
async function hostile(ann) {
  const { page } = ann;
  for (const p of pages.filter((x) => ["node", "facts", "findings"].includes(x.name))) {
    await open(page, p);
    const made = await page.locator("main img[src='x'], main script:not(:empty)").evaluateAll((all) => all.map((e) => e.outerHTML));
    check((await page.title()) !== "owned" && made.length === 0, `${p.name} took a name for markup: ${await page.title()} ${made}`);
  }
  await open(page, pages.find((p) => p.name === "node"));
  await page.getByText('<img src=x onerror="document.title=\'owned\'">').first().waitFor();
}

// keyboard goes from the overview to a node without a mouse.
async function keyboard(ann) {
  const { page } = ann;
  await open(page, pages[0]);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement?.getAttribute("href"))) === "#main", "the first stop is not the skip link");
  const at = () => page.evaluate(() => `${document.activeElement?.getAttribute("href")} ${document.activeElement?.getAttribute("role")}`);
  for (let i = 0; i < 25 && !(await at()).startsWith("/nodes "); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await grid(page).getByRole("link").first().waitFor();
  for (let i = 0; i < 40 && !/ (tree)?grid$/.test(await at()); i++) await page.keyboard.press("Tab");
  check(/ (tree)?grid$/.test(await at()), "the table is not reached by Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  check((await grid(page).getAttribute("aria-activedescendant")) !== null, "no row is active");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/nodes\/[0-9a-f]+/);
}

// tables: words, groups and their address, which opens the same view again.
async function tables(ann) {
  const { page } = ann;
  await open(page, pages.find((p) => p.name === "nodes"));
  await page.getByRole("textbox", { name: "Search in Nodes" }).fill("edge");
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  await page.getByRole("button", { name: /^Name/ }).click();
  await page.waitForURL(/sort=name/);
  check(page.url().includes("q=edge"), `the address has no words: ${page.url()}`);
  const link = page.url();
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  check((await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort")) === "ascending", "the address does not keep the order");
  await page.goto(`${url}/findings?group=severity`);
  await grid(page).getByRole("row", { expanded: false }).first().click();
  await grid(page).getByRole("row", { expanded: true }).first().waitFor();
  await grid(page).getByRole("row").nth(2).getByRole("gridcell").nth(1).click();
  await page.getByRole("dialog", { name: "Finding" }).waitFor();
  await page.waitForTimeout(300);
  await ann.axe("a finding", true);
  await ann.shot("console-finding");
}

// join makes a command that can be copied.
async function joining(ann) {
  const { page } = ann;
  await open(page, pages.find((p) => p.name === "join"));
  await page.getByLabel("What it is for").fill("rack 7");
  await page.getByRole("button", { name: "Make the command" }).click();
  await page.getByRole("button", { name: "Copy: Commands for the new machine" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(/agent --join 'https:\/\/\S+#ca=sha256:\S+' --token-file/.test(copied), `what is copied is ${copied}`);
  await ann.axe("a command to join", true);
}

// exception is recorded with a preview, shown, and ended.
async function exception(ann) {
  const { page } = ann;
  await page.goto(`${url}/requirements/8.2.a`);
  await page.getByRole("button", { name: "Record an exception" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The status stays as it is.").waitFor();
  await dialog.getByLabel("Who answers for it").fill("ann");
  await dialog.getByRole("textbox", { name: "Why" }).fill("the migration is in March");
  await page.waitForTimeout(300);
  await ann.axe("an exception", true);
  await dialog.getByRole("button", { name: "Record an exception" }).click();
  await page.getByText("the migration is in March").first().waitFor();
  await page.getByRole("button", { name: "End exception" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "End exception" }).click();
  await page.getByText("the migration is in March").waitFor({ state: "detached" });
}

// stepUp: what is dangerous asks for a fresh factor, and goes on by itself; who cancels has done nothing.
async function stepUp(ann, lost) {
  const { page } = ann;
  await page.goto(`${url}/nodes/${lost}`);
  const act = async (name) => {
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name }).click();
    await page.getByRole("dialog").getByLabel(/Type/).fill("lost-in-space");
    await page.getByRole("dialog").getByRole("button", { name }).click();
  };
  await act("Revoke identity");
  await page.getByText("revoked", { exact: true }).first().waitFor();
  await act("Delete");
  const again = page.getByRole("dialog", { name: "Show your second factor again" });
  await again.waitFor();
  await page.waitForTimeout(300);
  await ann.axe("the question for a factor", true);
  await ann.shot("console-step-up");
  await again.getByRole("button", { name: "Cancel" }).click();
  check(await heading(page, "lost-in-space").isVisible(), "the node is gone without a factor");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await again.getByLabel(/Code of the/).fill("000000");
  await again.getByRole("button", { name: "Verify" }).click();
  await again.getByRole("alert").waitFor();
  await again.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL((u) => u.pathname === "/nodes");
  await grid(page).getByRole("link").first().waitFor();
  check((await grid(page).getByText("lost-in-space").count()) === 0, "the node was not deleted");
}

// errors say what failed, why, and what to do.
async function errors(ann) {
  const { page } = ann;
  await page.goto(`${url}/nodes/00000000000000000000000000000000`);
  const alert = page.getByRole("alert");
  await alert.getByText("not_found").waitFor();
  check((await alert.innerText()).includes("The node could not be loaded"), "the error does not say what failed");
  await ann.axe("an error");
  await ann.shot("console-error");
  await page.goto(`${url}/no/such/page`);
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
}

// offline: the page says so, keeps what it has, and goes on by itself.
async function offline(ann) {
  const { page } = ann;
  await open(page, pages[0]);
  await page.getByText("Live", { exact: true }).waitFor();
  ann.quiet = true; // Chromium complains of each try
  await outside("stop");
  await page.getByText("Offline – reconnecting").waitFor();
  check(await page.getByText(/of 29 requirements/).isVisible(), "what was there is gone");
  await ann.shot("console-offline");
  await outside("start");
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 60000 });
  ann.quiet = false;
}

// tenant: an auditor of acme sees acme, comes back to a deep link after signing in, and is out as soon as the session is revoked.
async function tenant(tom) {
  const { page } = tom;
  await tom.enrol(auditorLink, "seven owls over bruges");
  await page.getByText(/of 29 requirements/).waitFor();
  check((await page.getByLabel("Tenant", { exact: true }).count()) === 0, "an auditor of a tenant can choose others");
  await page.goto(`${url}/nodes`);
  await grid(page).getByRole("link", { name: "edge-01" }).waitFor();
  check((await grid(page).getByText("plane-02").count()) === 0, "a node of another tenant is shown");
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.locator("#signin-form").waitFor();
  await page.goto(`${url}/nodes?q=edge&sort=-name`);
  await page.locator("#signin-passkey").click();
  await page.waitForURL(/\/nodes\?/);
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  await outside("revoke tom");
  await page.waitForURL(/\/sign-in/, { timeout: 10000 });
  check(new URL(page.url()).searchParams.get("next")?.startsWith("/nodes?") ?? false, `after the end the way back is ${page.url()}`);
}

const ann = await Person.start("ann", { url, spki, shots, problems });
const tom = await Person.start("tom", { url, spki, shots, problems });
try {
  await ann.enrol(adminLink, "four gulls over ostend");
  const shown = Date.now(); // a factor
  await firstPage(ann);
  const { page } = ann;
  const idOf = async (name) => {
    await page.goto(`${url}/nodes`);
    const href = await grid(page).getByRole("link", { name, exact: true }).getAttribute("href");
    return href.split("/")[2].split("?")[0];
  };
  const db = await idOf("db-primary");
  const lost = await idOf("lost-in-space");
  pages.find((p) => p.name === "node").at = `/nodes/${db}`;
  pages.find((p) => p.name === "facts").at = `/nodes/${db}/facts?at=/containers/0/name`;
  for (const step of [hostile, keyboard, tables, joining, exception, errors, everyPage, everyWidth, chinese]) {
    await step(ann);
    console.log(`${step.name} is done`);
  }
  await page.waitForTimeout(Math.max(0, shown + 62_000 - Date.now())); // the server's step_up is 60 s
  await stepUp(ann, lost);
  console.log("stepUp is done");
  await tenant(tom);
  console.log("tenant is done");
  await offline(ann);
} catch (err) {
  await ann.shot("failed");
  await tom.shot("failed-tom");
  problems.push(String(err.stack));
} finally {
  await ann.close();
  await tom.close();
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log("the whole console was gone through");
process.exit(0);
