// The way of a first administrator on a fresh server with a real engine, in headless Chromium: enrol, see what is wrong, remedy it on the
// engine, see it turn green without touching the page, join a second machine with the command
// that the console gives, and take it away again, for which a factor has to be shown anew. What happens
// on the machines it asks for by a line on its output, and waits for an answer.
// Usage: node console-engine.mjs URL ENROLMENT-LINK SPKI-OF-THE-CA SCREENSHOTS
import { grid, heading } from "./console/shared.mjs";
import { stepUp } from "./console/stepup.mjs";
import { becomes, check, run } from "./lib.mjs";

const [url, link, spki, shots] = process.argv.slice(2);
const minute = { timeout: 60_000 };

const requirement = "8.3.d"; // images are told apart by fixed tags or digests
const badge = (page) => page.locator("main header, main h1").locator("..").getByText(/^(met|partly met|not met)$/).first();

async function wrong(page) {
  await page.getByText(/of 29 requirements/).waitFor();
  await page.locator(`main a[href^="/requirements/${requirement}"][data-tone]`).click();
  await heading(page, new RegExp(`^${requirement}`)).waitFor();
  await badge(page).filter({ hasText: "not met" }).waitFor(minute);
  await page.locator("article").filter({ hasText: "sin-latest" }).first().getByText("What to do:").waitFor();
}

async function green(page, outside) {
  const before = await page.evaluate(() => {
    window.untouched = true;
    return performance.now();
  });
  await outside("remedy");
  await badge(page).filter({ hasText: /^met$/ }).waitFor(minute);
  const after = await page.evaluate(() => (window.untouched ? performance.now() : 0));
  check(after > before, "the page was loaded again");
  console.log(`green ${((after - before) / 1000).toFixed(1)} s after the remedy was asked for`);
  await becomes(async () => (await page.getByText("sin-latest").count()) === 0, "what was remedied is still shown");
  await page.getByRole("list").filter({ hasText: "→" }).first().waitFor(); // its history tells
}

async function second(page, outside) {
  await page.getByRole("link", { name: "Nodes", exact: true }).click();
  await grid(page).getByRole("link").first().waitFor();
  await page.getByRole("link", { name: /Join a node/ }).first().click();
  await page.getByLabel("What it is for").fill("the second machine");
  await page.getByRole("button", { name: "Make the command" }).click();
  await page.getByRole("button", { name: "Copy: Commands for the new machine" }).click();
  const commands = await page.evaluate(() => navigator.clipboard.readText());
  await outside(`paste ${Buffer.from(commands).toString("base64")}`);
  await page.getByRole("region", { name: "Commands for the new machine" }).getByRole("link", { name: "Nodes" }).click();
  const row = grid(page).getByRole("row").filter({ hasText: "second-machine" });
  await row.getByText("up", { exact: true }).waitFor(minute);
  await row.getByRole("link", { name: "second-machine" }).click();
  await heading(page, "second-machine").waitFor();
  await page.getByText(/^(met|partly met|not met)$/).first().waitFor(minute);
}

await run({ url, spki, shots }, async ({ person, outside }) => {
  const ann = await person("ann");
  await ann.enrol(link, "four gulls over ostend");
  const shown = Date.now(); // a factor
  for (const step of [wrong, green, second]) {
    await step(ann.page, outside);
    console.log(`${step.name} is done`);
  }
  const id = new URL(ann.page.url()).pathname.split("/")[2];
  await ann.page.waitForTimeout(Math.max(0, shown + 16_000 - Date.now())); // the server's step_up is 15 s
  await stepUp(ann, { url, id, name: "second-machine" });
  console.log("stepUp is done");
});
