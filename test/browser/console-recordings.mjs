// Recorded sessions in headless Chromium: the list, and the replay by who has the key, which stays in the page.
// Usage: node console-recordings.mjs URL ENROLMENT-LINK SPKI-OF-THE-CA KEY-FILE ID SCREENSHOTS
import { readFileSync } from "node:fs";
import { grid, heading, settled } from "./console/shared.mjs";
import { check, run } from "./lib.mjs";

const [url, link, spki, key, id, shots] = process.argv.slice(2);
const secret = readFileSync(key, "utf8").match(/AGE-SECRET-KEY-\S+/)[0];

async function list(ann) {
  const { page } = ann;
  await page.getByRole("link", { name: "Engine guard", exact: true }).click();
  await page.getByRole("navigation", { name: "Pages of the engine guard" }).getByRole("link", { name: "Recordings" }).click();
  await heading(page, "Recorded sessions").waitFor();
  await grid(page).getByRole("row").filter({ hasText: "web" }).first().waitFor();
  await ann.axe("recordings");
  await ann.fits("recordings");
  await ann.shot("console-recordings-list");
  await page.getByRole("textbox", { name: "Container" }).fill("nowhere");
  await page.waitForURL(/container=nowhere/);
  await page.getByText("No recording fits").waitFor();
  await page.getByRole("link", { name: "Without filters" }).click();
  await grid(page).getByRole("row").filter({ hasText: "web" }).first().waitFor();
  await page.getByRole("textbox", { name: "Container" }).fill("web");
  await page.waitForURL(/container=web/);
  await grid(page).getByRole("link").first().click();
  await heading(page, "exec by root in web").waitFor();
}

async function wrongKey(ann) {
  const { page } = ann;
  const other = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"; // the key of age's examples
  await page.getByLabel("Or paste the key").fill("no key");
  await page.getByRole("button", { name: "Bring and replay" }).click();
  await page.getByText("This is no age identity").waitFor();
  await page.getByLabel("Or paste the key").fill(other);
  await page.getByRole("button", { name: "Bring and replay" }).click();
  await page.getByText("encrypted for other keys").waitFor();
  await ann.axe("a key that does not fit");
}

async function replay(ann) {
  const { page } = ann;
  await page.locator("input[type=file]").setInputFiles(key);
  await page.getByRole("button", { name: "Bring and replay" }).click();
  const screen = page.getByRole("region", { name: "Screen of the session" });
  await screen.getByText("bye").waitFor();
  await page.getByText("Verified: it is what the audit log has").waitFor();
  check((await screen.getByText("<b>bold</b>").count()) > 0, "the text is not shown as it is");
  check((await screen.locator("a, b, img, button, input").count()) === 0, "what a program wrote is markup");
  check(!(await page.title()).includes("a title"), "a program wrote the title");
  check((await page.evaluate(() => navigator.clipboard.readText())) !== "evil", "a program wrote to the clipboard");
  await settled(page);
  await ann.axe("a replay");
  await ann.fits("a replay");
  await ann.shot("console-recording-replay", true);
  // The place is moved by keyboard, the text is searched, and a line leads to where it was.
  const slider = page.getByRole("slider", { name: "Place in the recording" });
  await slider.focus();
  await page.keyboard.press("Home");
  await screen.getByText("bye").waitFor({ state: "detached" });
  await page.getByLabel("Search the text").fill("BYE");
  await page.getByText("1 line.").waitFor();
  await page.getByRole("button", { name: /^Go to/ }).click();
  await screen.getByText("bye").waitFor();
  await page.getByLabel("Speed").selectOption("8");
  await page.getByLabel("Longest pause").selectOption("0");
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await page.setViewportSize({ width: 420, height: 800 });
  await settled(page); // what is beside the page has gone
  await ann.fits("a replay on a small screen");
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "dark" });
  await settled(page);
  await ann.axe("a replay in the dark");
  await page.getByRole("link", { name: /^bulkhead\/node\// }).click();
  await page.getByText("Session recorded").first().waitFor();
}

// stays holds that the key was in no request and is kept nowhere.
async function stays(ann, sent) {
  const { page } = ann;
  check(!sent.some((s) => s.includes(secret) || s.includes(secret.toLowerCase())), "the key was sent");
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie);
  check(!kept.includes("AGE-SECRET"), "the key is kept");
  check((await page.evaluate(async () => (await indexedDB.databases()).length)) === 0, "there is a database");
}

await run({ url, spki, shots }, async ({ person }) => {
  const ann = await person("ann");
  const sent = [];
  ann.page.on("request", (r) => sent.push(`${r.url()} ${JSON.stringify(r.headers())} ${r.postDataBuffer()?.toString("latin1") ?? ""}`));
  await ann.enrol(link, "four gulls over ostend");
  for (const step of [list, wrongKey, replay]) {
    await step(ann);
    console.log(`${step.name} is done`);
  }
  check(sent.some((s) => s.includes(id)), "nothing was asked for");
  await stays(ann, sent);
});
