// Looks at every page of the console of a server that has nothing yet, in headless Chromium: each says how to fill it, in both themes and
// both languages, and nothing is out of place.
// Usage: node console-empty.mjs URL ENROLMENT-LINK SPKI-OF-THE-CA SCREENSHOTS
import { capabilities } from "./console/all.mjs";
import { heading } from "./console/shared.mjs";
import { becomes, check, cookie, run } from "./lib.mjs";

const [url, link, spki, shots] = process.argv.slice(2);
// Pages of things that are not there have nothing to show.
const lists = new Set(["/nodes/join", "/nodes/tokens", "/policies/edit", "/policies/proposals", "/audit/logs", "/audit/export", "/requirements/8.1.c", "/guard/refused", "/guard/enforce", "/guard/approvals", "/guard/recordings"]);
// What a server has from its first start on.
const filled = new Set([
  "/requirements", "/reports", "/nodes/join", "/policies", "/policies/edit", "/users", "/tenants", "/pools", "/audit", "/audit/logs", "/audit/export", "/jobs",
  "/settings", "/about",
]);
const known = new Map();
for (const p of Object.values(capabilities).flatMap((c) => c.pages)) {
  if (typeof p.at !== "string") continue;
  const at = p.at.split("?")[0];
  if ((at.lastIndexOf("/") === 0 || lists.has(at)) && !known.has(at)) known.set(at, { name: p.name, at });
}
const pages = [...known.values()];

async function come(page, at) {
  await page.goto(url + at);
  await heading(page, /./).first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll("main [data-waiting], main .mantine-Skeleton-root").length === 0);
  await page.waitForTimeout(300);
}

await run({ url, spki, shots }, async ({ person }) => {
  const ann = await person("ann");
  const { page } = ann;
  await ann.enrol(link, "four gulls over ostend");
  for (const [theme, language] of [["light", "en"], ["dark", "zh"]]) {
    await cookie(page, url, "bulkhead-scheme", theme);
    await cookie(page, url, "bulkhead-lang", language);
    for (const p of pages) {
      await come(page, p.at);
      const alerts = page.locator("main").getByRole("alert");
      check((await alerts.count()) === 0, `${p.name} shows an error: ${await alerts.allInnerTexts()}`);
      if (!filled.has(p.at)) await becomes(async () => (await page.locator("main [data-empty]").count()) > 0, `${p.name} does not say how to fill it`);
      await ann.axe(`${p.name}, empty, ${theme}, ${language}`);
      await ann.fits(`${p.name}, empty, in ${language}`);
      if (theme === "light") await ann.shot(`console-${p.name}-empty`);
    }
  }
  console.log(`${pages.length} empty pages were looked at`);
});
