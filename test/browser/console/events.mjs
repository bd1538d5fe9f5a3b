// Events: live, with pause, equal ones in a line, and memory that stays as it is however many come.
import { becomes, check } from "../lib.mjs";
import { grid, settled } from "./shared.mjs";

const pages = [
  { name: "events", at: "/events", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() },
  { name: "events-past", at: "/events?range=custom&from=2020-01-01T00:00&to=2020-01-02T00:00", ready: (p) => p.getByRole("heading", { level: 2 }).first().waitFor() },
];

let floods = 0;
/** flood has a node find so many things, and gives what the last says. */
async function flood(world, n) {
  floods++;
  await world.outside(`flood ${n} as ${floods}`);
  return `flood ${floods} is over`;
}

const top = (page) => grid(page).getByRole("row").nth(1);

async function filtered(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/events`);
  await top(page).waitFor();
  await page.getByLabel("Kind").selectOption("silent");
  await page.waitForURL(/kind=silent/);
  await grid(page).getByRole("link", { name: "lost-in-space" }).first().waitFor();
  await becomes(async () => (await grid(page).getByRole("row").count()) === 2, "others are shown");
  await page.reload();
  await grid(page).getByRole("link", { name: "lost-in-space" }).first().waitFor();
  await grid(page).getByRole("row").nth(1).getByRole("gridcell").first().click();
  await page.getByRole("dialog", { name: "Event" }).getByText("Id of the newest").waitFor();
  await settled(page);
  await ann.axe("an event", true);
  await ann.shot("console-event");
}

// live: what happens comes by itself, waits while it is paused, and is all there afterwards; reading costs little.
async function live(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/events?kind=finding`);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  const asked = [];
  const began = Date.now();
  const note = (r) => r.url().endsWith("/ListEvents") && asked.push(Date.now());
  page.on("request", note);
  await page.getByText(await flood(world, 300)).waitFor();
  // A hundred kinds of things, three of each but for the one that says that it is over.
  await grid(page).getByText("× 3", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const last = await flood(world, 700);
  await page.getByRole("button", { name: "Go on (700 wait)" }).waitFor();
  check((await page.getByText(last).count()) === 0, "a pause does not pause");
  await settled(page);
  await ann.axe("events, paused");
  await ann.shot("console-events-paused");
  await page.getByRole("button", { name: "Go on (700 wait)" }).click();
  await page.getByText(last).waitFor();
  await grid(page).getByText("× 10", { exact: true }).first().waitFor();
  page.off("request", note);
  const tooSoon = asked.filter((at, i) => i > 0 && at - asked[i - 1] < 900).length;
  const most = Math.max(8, (Date.now() - began) / 1000); // once a second, where it takes the machine longer
  check(asked.length < most && tooSoon <= 1, `1,000 events were asked for ${asked.length} times, ${tooSoon} of them too soon`);
  await leads(ann);
}

// leads: what a node found is no dead end.
async function leads({ page }) {
  await top(page).getByRole("gridcell").first().click();
  const dialog = page.getByRole("dialog", { name: "Event" });
  await dialog.getByRole("list").getByRole("link", { name: /^flood|^app-/ }).first().waitFor();
  await dialog.getByRole("link", { name: /^Findings of .+ on edge-01$/ }).click();
  await page.waitForURL(/\/findings\?.*view=all/);
  await grid(page).getByRole("row").filter({ hasText: /flood|app-/ }).first().waitFor();
  check((await grid(page).getByRole("link", { name: "edge-02" }).count()) === 0, "findings of another node are shown");
}

// steady: thousands of events, and the page needs no more than before. What is an hour elsewhere is seconds here: it counts what comes.
async function steady(ann, world) {
  const { page } = ann;
  const each = 1000;
  const rounds = Number(process.env.BULKHEAD_EVENT_ROUNDS ?? 8);
  const cdp = await ann.context.newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  await page.goto(`${world.url}/events?kind=finding`);
  await page.getByText("Live", { exact: true }).waitFor();
  const measure = async () => {
    for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
    const { usedSize } = await cdp.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await cdp.send("Memory.getDOMCounters");
    return { heap: usedSize, nodes, listeners: jsEventListeners };
  };
  const see = async () => page.getByText(await flood(world, each)).waitFor();
  for (let i = 0; i < 3; i++) await see(); // until it holds as many as it may
  const began = Date.now();
  const measured = [await measure()];
  for (let i = 0; i < rounds; i++) {
    await see();
    measured.push(await measure());
  }
  const seconds = (Date.now() - began) / 1000;
  const most = (what) => Math.max(...measured.slice(1).map((m) => m[what]));
  const [first] = measured;
  // What is held for each event from the second quarter to the last: the least there against the most here, so that a moment of more is
  // no growth. The first quarter is the compiler's.
  const heaps = measured.slice(1).map((m) => m.heap);
  const quarter = Math.floor(rounds / 4);
  const grown = Math.min(...heaps.slice(-quarter)) - Math.max(...heaps.slice(quarter, 2 * quarter));
  const perEvent = grown / ((rounds - 2 * quarter) * each);
  const mb = (n) => (n / 1e6).toFixed(1);
  const all = rounds * each;
  console.log(
    `${all} events in ${seconds.toFixed(0)} s, as in ${(all / 5 / 60).toFixed(0)} minutes with 5 a second: heap ${measured.map((m) => mb(m.heap)).join(" ")} MB, ` +
      `DOM nodes ${measured.map((m) => m.nodes).join(" ")}, listeners ${measured.map((m) => m.listeners).join(" ")}; ${perEvent.toFixed(1)} bytes of heap for each event`,
  );
  check(perEvent < 35, `each event leaves ${perEvent.toFixed(0)} bytes`);
  check(most("heap") < first.heap * 1.15 + 3e6, `the heap grew from ${mb(first.heap)} to ${mb(most("heap"))} MB`);
  check(most("nodes") < first.nodes * 1.2 + 200, `the nodes grew from ${first.nodes} to ${most("nodes")}`);
  check(most("listeners") < first.listeners * 1.2 + 50, `the listeners grew from ${first.listeners} to ${most("listeners")}`);
  await cdp.send("HeapProfiler.disable"); // and not detached, see audit.mjs
}

// again: what happened while the page was not connected is there when it is.
async function again(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/events?kind=finding`);
  await page.getByText("Live", { exact: true }).waitFor();
  const before = await flood(world, 10);
  await page.getByText(before).waitFor();
  ann.quiet = true; // Chromium complains of each try
  await world.outside("stop");
  await page.getByText("Offline – reconnecting").waitFor();
  await world.outside("start");
  const meanwhile = await flood(world, 20);
  check(await page.getByText(before).isVisible(), "what was there is gone");
  await page.getByText(meanwhile).waitFor({ timeout: 60000 });
  await page.getByText("Live", { exact: true }).waitFor();
  ann.quiet = false;
}

// What comes in thousands comes after everybody has looked at the pages.
export default { pages, flows: [filtered], late: [live, steady], last: [again] };
