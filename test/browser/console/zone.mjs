// Somebody whose clock is not the server's: times are in the browser's zone, say so, and fields for times mean it.
import { check } from "../lib.mjs";
import { grid } from "./shared.mjs";

const pages = [];

const zone = "Asia/Kabul"; // half an hour beside the others, all year
const ahead = 4.5 * 3_600_000;

/** clockOf is a moment as the clock in that zone has it, counted by hand, e.g. 2026-05-04T18:04:05. */
const clockOf = (at) => new Date(at + ahead).toISOString().slice(0, 19);
const minute = 60_000;

// shown: the menu names the zone; a moment that is known has that zone's clock and offset, in lists and by itself.
async function shown(page, world) {
  await page.goto(`${world.url}/audit?action=TenantCreate`);
  await page.getByText(`Times are in ${zone}`, { exact: true }).waitFor(); // in the menu
  await page.getByText(new RegExp(`^\\d+ records?\\. Times are in ${zone}`)).waitFor();
  const time = page.locator("main ol li time").first();
  const at = Date.parse(await time.getAttribute("datetime"));
  check(Math.abs(Date.now() - at) < 30 * minute, `a tenant of this test was made at ${new Date(at).toISOString()}`);
  check((await time.innerText()) === clockOf(at).slice(11), `${new Date(at).toISOString()} is shown as ${await time.innerText()}`);
  const exact = await time.getAttribute("title");
  check(exact.includes(clockOf(at).slice(11)) && exact.endsWith("GMT+4:30"), `${new Date(at).toISOString()} is said to be ${exact}`);
  await page.locator("main ol li a[href*='/audit/records/']").first().click();
  await page.getByText(exact).first().waitFor(); // the record by itself
  await page.goto(`${world.url}/nodes`);
  const seen = grid(page).locator("time").first();
  check((await seen.getAttribute("title")).endsWith("GMT+4:30"), `a node was seen at ${await seen.getAttribute("title")}`);
  return at;
}

// searched: the fields of a span are in that zone, the address is in UTC, and what is found is of that span.
async function searched(page, world, at) {
  await page.goto(`${world.url}/audit?action=TenantCreate`);
  await page.getByLabel(`When (${zone})`).selectOption("own");
  const span = async (from, to) => {
    await page.getByLabel("From", { exact: true }).fill(clockOf(from).slice(0, 16));
    await page.getByLabel("Up to", { exact: true }).fill(clockOf(to).slice(0, 16));
    await page.getByRole("button", { name: "Search", exact: true }).click();
    const utc = new Date(Math.floor(from / minute) * minute).toISOString();
    await page.waitForURL((u) => u.searchParams.get("since") === utc);
  };
  await span(at - 10 * minute, at + 10 * minute);
  await page.locator(`main ol li time[datetime="${new Date(at).toISOString()}"]`).first().waitFor();
  await span(at - ahead - 10 * minute, at - ahead + 10 * minute);
  await page.getByText("No record fits").first().waitFor();
  await page.goBack();
  await page.locator(`main ol li time[datetime="${new Date(at).toISOString()}"]`).first().waitFor();
  check((await page.getByLabel("From", { exact: true }).inputValue()) === clockOf(at - 10 * minute).slice(0, 16), "the field has another clock than the address means");

  await page.goto(`${world.url}/events`);
  await page.getByLabel(`When (${zone})`).selectOption("custom");
  const from = Math.floor(at / minute) * minute - 60 * minute;
  await page.getByLabel(/^From/).fill(clockOf(from).slice(0, 16));
  await page.waitForURL((u) => u.searchParams.get("from") === new Date(from).toISOString());
  await grid(page).getByRole("row").nth(1).waitFor();
  await page.getByLabel(/^From/).fill(clockOf(from + 3 * 60 * minute).slice(0, 16)); // later than anything
  await page.waitForURL((u) => u.searchParams.get("from") === new Date(from + 3 * 60 * minute).toISOString());
  await grid(page).waitFor({ state: "detached" });
}

// reported: a report is as of the moment that was said by that zone's clock, and says it so.
async function reported(page, world) {
  await page.goto(`${world.url}/reports`);
  await page.getByLabel("Title").fill("From another zone");
  const asOf = Math.floor(Date.now() / minute) * minute;
  await page.getByLabel(`As of (${zone})`).fill(clockOf(asOf).slice(0, 16));
  await page.getByLabel(`Changes since (${zone})`).fill(clockOf(asOf - 60 * minute).slice(0, 16));
  await page.getByRole("status").filter({ hasText: /\d+ nodes?, 29 requirements/ }).waitFor();
  await page.getByRole("button", { name: "Make the report" }).click();
  await page.waitForURL(/\/reports\/[0-9a-f-]+/);
  for (const moment of [asOf, asOf - 60 * minute]) {
    const said = page.locator(`main time[datetime="${new Date(moment).toISOString()}"]`).filter({ hasText: "GMT+4:30" }).first();
    await said.waitFor();
    check((await said.innerText()).includes(clockOf(moment).slice(11)), `${new Date(moment).toISOString()} is said to be ${await said.innerText()}`);
  }
}

async function anotherZone(ann, world) {
  const ravi = await world.person("ravi", zone);
  await ravi.enrol(await world.outside("link ravi"), "five storks over leuven");
  const { page } = ravi;
  const at = await shown(page, world);
  await searched(page, world, at);
  await ravi.shot("console-zone");
  await reported(page, world);
  await ravi.close();
}

export default { pages, flows: [anotherZone] };
