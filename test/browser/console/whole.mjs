// What holds of the whole console: its first page, a way by keyboard, errors, hostile names, and what happens when the server is away.
import { becomes, check } from "../lib.mjs";
import { grid, open } from "./shared.mjs";

const pages = [{ name: "about", at: "/about", ready: (p) => p.getByText("control-plane", { exact: false }).first().waitFor() }];

// firstPage holds the first page to its size, from a cold cache.
async function firstPage(ann, world) {
  const { page } = ann;
  const cdp = await ann.context.newCDPSession(page);
  await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
  await open(world, page, world.page("overview"));
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

// hostile: names that want to be more than text are text.
async function hostile(ann, world) {
  const { page } = ann;
  for (const p of world.pages.filter((x) => ["node", "facts", "findings"].includes(x.name))) {
    await open(world, page, p);
    const made = await page.locator("main img[src='x'], main script:not(:empty)").evaluateAll((all) => all.map((e) => e.outerHTML));
    check((await page.title()) !== "owned" && made.length === 0, `${p.name} took a name for markup: ${await page.title()} ${made}`);
  }
  await open(world, page, world.page("node"));
  await page.getByText('<img src=x onerror="document.title=\'owned\'">').first().waitFor();
}

// toANode goes from the overview to a node without a mouse.
async function toANode(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("overview"));
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
  await becomes(async () => (await grid(page).getAttribute("aria-activedescendant")) !== null, "no row is active");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/nodes\/[0-9a-f]+/);
}

// errors say what failed, why, and what to do.
async function errors(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/nodes/00000000000000000000000000000000`);
  const alert = page.getByRole("alert");
  await alert.getByText("not_found").waitFor();
  check((await alert.innerText()).includes("The node could not be loaded"), "the error does not say what failed");
  await ann.axe("an error");
  await ann.shot("console-error");
  await page.goto(`${world.url}/no/such/page`);
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
}

// offline: the page says so, keeps what it has, and goes on by itself.
async function offline(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("overview"));
  await page.getByText("Live", { exact: true }).waitFor();
  ann.quiet = true; // Chromium complains of each try
  await world.outside("stop");
  await page.getByText("Offline – reconnecting").waitFor();
  check(await page.getByText(/of 29 requirements/).isVisible(), "what was there is gone");
  await ann.shot("console-offline");
  await world.outside("start");
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 60000 });
  ann.quiet = false;
}

export default { pages, first: [firstPage], flows: [hostile, toANode, errors], last: [offline] };
