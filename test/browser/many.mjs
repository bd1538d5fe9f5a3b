// Measures the console of a large fleet in headless Chromium, and prints what it took in milliseconds as JSON.
// Usage: node many.mjs URL LINK-OF-AN-ADMINISTRATOR SPKI-OF-THE-CA
import { tmpdir } from "node:os";
import { grid } from "./console/shared.mjs";
import { check, Person } from "./lib.mjs";

const [url, link, spki] = process.argv.slice(2);
const problems = [];
const ann = await Person.start("ann", { url, spki, shots: tmpdir(), problems });
const { page } = ann;
page.setDefaultTimeout(60000);
const figures = {};

// until waits in the page, frame by frame, so that asking costs nothing.
const until = (condition, arg) => page.waitForFunction(condition, arg, { polling: "raf" });

// cost is how long the page itself was busy with an action, to the frame after it, without what the driver needs.
async function cost(name, act, done, arg) {
  await page.evaluate(() => {
    window.longest = 0;
    window.observer?.disconnect();
    window.observer = new PerformanceObserver((all) => {
      for (const e of all.getEntries()) window.longest = Math.max(window.longest, e.duration);
    });
    window.observer.observe({ type: "event", durationThreshold: 16 });
    window.observer.observe({ type: "longtask" });
  });
  await act();
  await until(done, arg);
  await page.waitForTimeout(400);
  figures[name] = Math.round(await page.evaluate(() => window.longest));
}

try {
  await ann.enrol(link, "four gulls over ostend");
  const cdp = await ann.context.newCDPSession(page);
  await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
  const cold = async (path, selector) => {
    await page.goto("about:blank");
    const began = Date.now();
    await page.goto(url + path, { waitUntil: "commit" });
    await page.waitForSelector(selector);
    return Date.now() - began;
  };
  figures["overview-ms"] = await cold("/", 'main a[href^="/requirements/8."][data-tone]');
  const began = Date.now();
  figures["containers-first-ms"] = await cold("/containers", "[role=grid] a");
  await until(() => /^50,?000 rows$/.test(document.querySelector("main [role=status]")?.textContent ?? ""));
  figures["containers-all-ms"] = Date.now() - began;
  await page.waitForTimeout(2000);
  figures["heap-MB"] = Math.round((await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6);
  const row = () => document.querySelectorAll("[role=grid] [role=row]")[1]?.textContent ?? "";
  const click = (name) => () => page.getByRole("button", { name }).first().click();
  const was = await page.evaluate(row);
  await cost("sort-name-ms", click(/^Name/), () => document.querySelector("[aria-sort=ascending]") !== null);
  check((await page.evaluate(row)) !== was, "sorting changed nothing");
  await cost("sort-changed-ms", click(/^Changed/), () => document.querySelector("[aria-sort=ascending]")?.textContent.startsWith("Changed"));
  const words = page.getByRole("textbox", { name: /Search in/ });
  const fewer = () => / of 50,?000 rows/.test(document.querySelector("main [role=status]")?.textContent ?? "");
  const allOf = () => /^50,?000 rows/.test(document.querySelector("main [role=status]")?.textContent ?? "");
  await cost("search-ms", () => words.fill("app-07 exited"), fewer);
  await cost("clear-ms", () => words.fill(""), allOf);
  await cost("menu-ms", click(/^State/), () => document.querySelector("[role=dialog]") !== null);
  await cost("choose-ms", () => page.getByRole("checkbox", { name: /^exited/ }).click(), fewer);
  await page.keyboard.press("Escape");
  await page.goto(`${url}/containers?sort=name`);
  await until(allOf);
  await click(/^Group by/)();
  await cost("group-ms", () => page.getByRole("radio", { name: "Image" }).click(), () => document.querySelector("[role=treegrid]") !== null);
  await page.keyboard.press("Escape");
  await cost("scroll-ms", async () => {
    await page.evaluate(() => document.querySelector("[role=treegrid]").scrollTo({ top: 900 }));
  }, () => true);
  await page.goto(`${url}/containers?q=shop-07`);
  const one = grid(page).getByRole("link").first();
  await one.waitFor();
  const clicked = Date.now();
  await one.click();
  await page.waitForSelector("main dl");
  figures["one-ms"] = Date.now() - clicked;
} catch (err) {
  await ann.shot("many-failed");
  problems.push(String(err.stack));
} finally {
  await ann.close();
}
if (problems.length > 0) {
  console.error(problems.join("\n"), JSON.stringify(figures));
  process.exit(1);
}
console.log(JSON.stringify(figures));
process.exit(0);
