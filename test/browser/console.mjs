// Goes through the console of a control plane in headless Chromium, as people would. What happens outside of the browser it asks for by
// a line on its output, and waits for an answer. Each capability has a file in console/ with its pages and what is done on them.
// Usage: node console.mjs URL LINK-OF-AN-ADMINISTRATOR LINK-OF-AN-AUDITOR-OF-ACME SPKI-OF-THE-CA SCREENSHOTS
// BULKHEAD_CONSOLE_ONLY=nodes,findings goes through these alone, for whoever works on them.
import { readFileSync, readdirSync } from "node:fs";
import { capabilities } from "./console/all.mjs";
import { grid, heading, open } from "./console/shared.mjs";
import { tenant } from "./console/tenant.mjs";
import { check, cookie, run } from "./lib.mjs";

const [url, adminLink, auditorLink, spki, shots] = process.argv.slice(2);
const only = process.env.BULKHEAD_CONSOLE_ONLY?.split(",");
const chosen = Object.entries(capabilities)
  .filter(([name]) => only === undefined || only.includes(name))
  .map(([, c]) => c);
const steps = (kind) => chosen.flatMap((c) => c[kind] ?? []);

const world = {
  url,
  auditorLink,
  ids: {},
  pages: chosen.flatMap((c) => c.pages),
  page: (name) => Object.values(capabilities).flatMap((c) => c.pages).find((p) => p.name === name),
};

// covered holds that every route of the console is among the pages that were looked at: one that is added without them is found.
function covered(paths) {
  const dir = new URL("../../console/src/routes/", import.meta.url);
  const routes = readdirSync(dir).flatMap((name) => [...readFileSync(new URL(name, dir), "utf8").matchAll(/\bpath: "([^"]+)"/g)].map((m) => m[1]));
  check(routes.length > 40, `there are ${routes.length} routes`);
  const missing = routes.filter((r) => {
    const fits = new RegExp(`^${r.replace(/\$$/, ".+").replaceAll(/\$\w+/g, "[^/]+")}$`);
    // What is the address of another route is no address of this one, e.g. /nodes/join of /nodes/$id.
    return !paths.some((p) => fits.test(p) && (r === p || !routes.includes(p)));
  });
  check(missing.length === 0, `nobody looks at ${missing.join(", ")}: add them to console/*.mjs`);
}

async function everyPage(ann) {
  const { page } = ann;
  const paths = new Set();
  for (const theme of ["light", "dark"]) {
    await cookie(page, url, "bulkhead-scheme", theme);
    for (const p of world.pages) {
      await open(world, page, p);
      check((await page.locator("html").getAttribute("data-mantine-color-scheme")) === theme, `${p.name} is not ${theme}`);
      paths.add(new URL(page.url()).pathname);
      await ann.axe(`${p.name} ${theme}`);
      await ann.fits(`${p.name} at 1440`);
      await ann.shot(`console-${p.name}${theme === "dark" ? "-dark" : ""}`);
    }
  }
  await cookie(page, url, "bulkhead-scheme", "light");
  if (only === undefined) covered([...paths]);
}

// everyWidth opens each page in a narrow window, as on a phone, and makes the window wider: what is beside what changes on the way.
async function everyWidth(ann) {
  const { page } = ann;
  for (const p of world.pages) {
    await page.setViewportSize({ width: 360, height: 780 });
    await open(world, page, p);
    await ann.axe(`${p.name} at 360`);
    for (const width of [360, 600, 800, 1100, 2560]) {
      await page.setViewportSize({ width, height: { 360: 780, 2560: 1300 }[width] ?? 900 });
      await page.waitForTimeout(150); // charts, and tables that are as wide as their place
      await ann.fits(`${p.name} at ${width}`);
      const picture = [360, 2560].includes(width) && ["overview", "nodes", "requirement", "container", "findings", "guard"].includes(p.name);
      if (picture || only !== undefined) await ann.shot(`console-${p.name}-${width}`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

// keyShown finds the key of a text in what a page shows: one that has no text would be shown as it is. The second part tells a key from
// names of programs and files of hosts, such as guard.test.
function keyShown() {
  const texts = new URL("../../console/src/texts/en/", import.meta.url);
  const heads = new Set();
  for (const dir of ["", "first/"]) {
    for (const name of readdirSync(new URL(dir, texts)).filter((n) => n.endsWith(".json"))) {
      const own = JSON.parse(readFileSync(new URL(dir + name, texts), "utf8"));
      for (const key of Object.keys(own)) heads.add(`${name.replace(".json", "")}.${key.replace(/_(one|other)$/, "")}`);
    }
  }
  check(heads.size > 300, `there are ${heads.size} texts`);
  return (shown) => [...shown.matchAll(/\b([a-z]\w*\.[A-Za-z]\w*)[\w.]*/g)].find((m) => heads.has(m[1]))?.[0];
}

async function chinese(ann) {
  const { page } = ann;
  const keyIn = keyShown();
  await open(world, page, world.page("overview"));
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitemradio", { name: "中文" }).click();
  await heading(page, "总览").waitFor();
  for (const p of world.pages) {
    await open(world, page, p);
    check((await page.locator("html").getAttribute("lang")) === "zh", `${p.name} is not in Chinese`);
    const raw = p.raw ? undefined : keyIn(await page.locator("body").innerText()); // raw pages show files, whose names look like keys
    check(raw === undefined, `${p.name} shows ${raw}`);
    await ann.fits(`${p.name} in Chinese`);
    if (["overview", "requirement"].includes(p.name) || only !== undefined) await ann.shot(`console-${p.name}-zh`);
  }
  await cookie(page, url, "bulkhead-lang", "en");
}

// known are the ids that addresses have.
async function known(page) {
  const idOf = async (name) => {
    await page.goto(`${url}/nodes`);
    const href = await grid(page).getByRole("link", { name, exact: true }).getAttribute("href");
    return href.split("/")[2].split("?")[0];
  };
  return { db: await idOf("db-primary") };
}

await run({ url, spki, shots }, async (means) => {
  Object.assign(world, means);
  const ann = await world.person("ann");
  await ann.enrol(adminLink, "four gulls over ostend");
  world.ids = await known(ann.page);
  const go = async (all) => {
    for (const step of all) {
      const began = Date.now();
      await step(ann, world);
      console.log(`${step.name} is done (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    }
  };
  await go([...steps("first"), ...steps("flows"), everyPage, everyWidth, chinese]);
  await go(steps("late"));
  if (only === undefined || only.includes("tenant")) {
    await tenant(await world.person("tom"), world);
    console.log("tenant is done");
  }
  await go(steps("last"));
  console.log("the whole console was gone through");
});
