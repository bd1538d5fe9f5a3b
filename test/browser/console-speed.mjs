// Measures the console in headless Chromium as somebody feels it: the first page from a cold cache until all of it is there, the largest
// tables until their first and their last row, and what a table does until the next frame after it did it. It prints lines
// "figure NAME VALUE" in milliseconds, or megabytes.
// A server without nodes is measured first; then it asks for a fleet by a line on its output, and waits for an answer.
// Usage: node console-speed.mjs URL ENROLMENT-LINK SPKI-OF-THE-CA SCREENSHOTS
import { check, run } from "./lib.mjs";

const [url, link, spki, shots] = process.argv.slice(2);
const times = 5;

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const figure = (name, value) => console.log(`figure ${name} ${value.toFixed(1)}`);

// until gives when a condition held for the first time. The page's policy forbids to evaluate text in the page, so all of it goes at once.
const until = (page, is, first = "") =>
  page.evaluate(`new Promise((resolve, reject) => {
    const begin = performance.now();
    const look = () => {
      if ((${is})()) requestAnimationFrame(() => resolve(performance.now()${first === "" ? "" : " - begin"}));
      else if (performance.now() - begin > 120_000) reject(new Error("it did not come"));
      else requestAnimationFrame(look);
    };
    ${first};
    requestAnimationFrame(look);
  })`);

// come goes to a page with a cold cache and gives when a condition, a function that runs in the page, held for the first time.
async function come(ann, at, ...conditions) {
  const page = await ann.context.newPage();
  try {
    const cdp = await ann.context.newCDPSession(page);
    await cdp.send("Network.enable");
    await cdp.send("Network.clearBrowserCache");
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    await page.goto(url + at, { waitUntil: "commit" });
    const when = [];
    for (const c of conditions) {
      when.push(await until(page, c));
    }
    return when;
  } finally {
    await page.close();
  }
}

const waiting = "document.querySelectorAll('main [data-waiting], main .mantine-Skeleton-root').length";
const tiles = `() => document.querySelectorAll('main a[href^="/requirements/8."][data-tone]').length === 29 && ${waiting} === 0`;
const empty = `() => document.querySelector('main [data-empty]') !== null && ${waiting} === 0`;
const rows = (n) => `() => document.querySelectorAll('main [role=row] [role=gridcell]').length > ${n}`;
// What the table says of its rows, e.g. "50000 rows" and "7 of 50000 rows".
const says = (what) => `() => /${what}/.test(document.querySelector("main [role=status]")?.textContent ?? "")`;
const whole = (n) => says(`^${n} rows$`);
const fewer = (n) => says(`^\\d+ of ${n} rows$`);

async function firstPage(ann, name, condition) {
  const all = [];
  for (let i = 0; i < times; i++) all.push((await come(ann, "/", condition))[0]);
  figure(name, median(all));
}

// acts does something in the page and gives how long it took until the page showed it, to the next frame.
const acts = (page, act, is) => until(page, is, `{ ${act} }`);

const typed = (text) => `
  const box = document.querySelector("main input[type=search], main input[role=searchbox], main input[aria-label^='Search']");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, ${JSON.stringify(text)});
  box.dispatchEvent(new Event("input", { bubbles: true }));`;
const clicked = (name) => `[...document.querySelectorAll("main [role=columnheader] button")].find((b) => b.textContent.startsWith(${JSON.stringify(name)})).click();`;
const grouped = (by) => `document.querySelectorAll("[role=dialog] input[type=radio]")[${by}].click();`;
// The first row, under the names of the columns. Rows come after the field or the arrow that asks for them, so it is they that are waited for.
const firstRow = (is) => `() => /${is}/.test(document.querySelector("main [role=row][aria-rowindex='2'] [role=gridcell]")?.textContent ?? "")`;
const both = (...conditions) => `() => ${conditions.map((c) => `(${c})()`).join(" && ")}`;

// A table is sorted by its names before, so that the first row is known, and another after each act.
async function table(ann, name, at, { all, word, found, first: least, last: most }) {
  const [first, last] = await come(ann, at, rows(10), whole(all));
  figure(`${name}-first-rows-ms`, first);
  figure(`${name}-all-rows-ms`, last);
  const { page } = ann;
  await page.goto(`${url}${at}?sort=name`);
  await until(page, both(whole(all), firstRow(least)));
  await page.waitForTimeout(1000);
  figure(`${name}-filter-ms`, await acts(page, typed(word), both(fewer(all), firstRow(found))));
  await acts(page, typed(""), both(whole(all), firstRow(least)));
  figure(`${name}-sort-ms`, await acts(page, clicked("Name"), firstRow(most)));
  await page.getByRole("button", { name: "Group by" }).click();
  await page.getByRole("dialog").getByRole("radio").nth(1).waitFor();
  figure(`${name}-group-ms`, await acts(page, grouped(1), `() => document.querySelector("main [role=treegrid] [aria-expanded=false]") !== null`));
  await acts(page, grouped(0), firstRow(most));
  await page.keyboard.press("Escape");
  const grid = page.locator("main [role=grid], main [role=treegrid]");
  const before = await grid.locator("[role=row]").nth(5).textContent();
  figure(`${name}-scroll-ms`, await acts(
    page,
    `const g = document.querySelector("main [role=grid], main [role=treegrid]"); (g.scrollHeight > g.clientHeight ? g : g.querySelector("*")).scrollTop = 400000;`,
    `() => (document.querySelectorAll("main [role=row]")[5]?.textContent ?? "") !== ${JSON.stringify(before)}`,
  ));
  const cdp = await ann.context.newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  await cdp.send("HeapProfiler.collectGarbage");
  figure(`${name}-heap-MB`, (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6);
}

await run({ url, spki, shots }, async ({ person, outside }) => {
  const ann = await person("ann");
  await ann.enrol(link, "four gulls over ostend");
  await firstPage(ann, "first-page-empty-ms", empty);
  ann.quiet = true; // the server goes away for it, and the page says so
  const size = JSON.parse(await outside("fleet"));
  await ann.page.goto(url);
  ann.quiet = false;
  check(size.nodes > 0, "there is no fleet");
  await firstPage(ann, "first-page-ms", tiles);
  await table(ann, "nodes", "/nodes", { all: size.nodes, word: "host-05", found: "^host-0500$", first: "^host-0000$", last: "^host-0999$" });
  await table(ann, "containers", "/containers", {
    all: size.containers, word: "shop-07 exited", found: "^shop-07-", first: "^shop-00-api-", last: "^shop-39-worker-",
  });
});
