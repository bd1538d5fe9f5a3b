// Containers, images and networks: tables that come as they are read, a page for each, what belongs to it, and tables as files.
import { readFileSync } from "node:fs";
import { becomes, check } from "../lib.mjs";
import { grid, heading, open } from "./shared.mjs";

// first is the address of the first row of a list with a name.
const addressOf = async (page, world, list, name) => {
  await page.goto(`${world.url}/${list}?q=${encodeURIComponent(name)}&only=node:edge-02`);
  const link = grid(page).getByRole("link", { name, exact: true }).first();
  await link.waitFor();
  return new URL(await link.getAttribute("href"), world.url).pathname;
};

const pages = [
  { name: "containers", at: "/containers", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "container", at: (w) => w.ids.container, ready: (p) => p.locator("dl").first().waitFor() },
  { name: "container-powers", at: (w) => w.ids.powerful, ready: (p) => p.getByText("Privileged").or(p.getByText("特权模式")).first().waitFor() },
  { name: "images", at: "/images", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "image", at: (w) => w.ids.image, ready: (p) => p.locator("dl").first().waitFor() },
  { name: "networks", at: "/networks", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "network", at: (w) => w.ids.network, ready: (p) => p.locator("dl").first().waitFor() },
];

// found looks for the objects whose pages are looked at.
async function found(ann, world) {
  const { page } = ann;
  world.ids.container = await addressOf(page, world, "containers", "web-frontend");
  world.ids.powerful = await addressOf(page, world, "containers", "batch-worker");
  await page.goto(`${world.url}/images?only=node:edge-02`);
  const image = grid(page).getByRole("link").first();
  await image.waitFor();
  world.ids.image = new URL(await image.getAttribute("href"), world.url).pathname;
  await page.goto(`${world.url}/networks?only=node:edge-02`);
  const network = grid(page).getByRole("link").first();
  await network.waitFor();
  world.ids.network = new URL(await network.getAttribute("href"), world.url).pathname;
}

// related goes from a node to its containers, to one, to its image and back to what uses it.
async function related(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/nodes/${world.ids.db}`);
  await page.getByRole("region", { name: "Containers, as last seen" }).getByRole("link", { name: "Containers", exact: true }).click();
  await page.waitForURL(/\/containers\?.*only=node/);
  await page.getByRole("status").filter({ hasText: /\d+ of \d+ rows/ }).waitFor();
  check((await grid(page).getByRole("link", { name: "edge-01" }).count()) === 0, "a list of one node has another");
  await page.goto(world.url + world.ids.container);
  await heading(page, "web-frontend").waitFor();
  await page.getByText("What it may do").waitFor();
  await page.getByText("All that the node says of it").waitFor();
  await page.locator("dl").getByRole("link").first().click();
  await page.waitForURL(/\/images\//);
  await page.getByRole("region", { name: "Containers of this node that use it" }).getByRole("link").first().waitFor();
  await page.getByRole("region", { name: "The very same image on other nodes" }).getByRole("link").first().waitFor();
}

// names and labels that want to be more than text are text, also here.
async function hostileNames(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/containers?q=onerror&only=node:edge-02`);
  const evil = grid(page).getByRole("link", { name: /onerror/ }).first();
  await evil.waitFor();
  await evil.click();
  await heading(page, /onerror/).waitFor();
  const said = page.getByRole("region", { name: "All that the node says of it" });
  await said.getByRole("button", { name: /^workload/ }).click();
  await said.getByRole("button", { name: /^labels/ }).click();
  await said.getByText("\"><script>alert(1)</script>", { exact: true }).waitFor();
  await said.getByText("\\u202etxt.exe\\u0007\\u001b[2J\\u200b", { exact: true }).waitFor();
  check((await page.locator("main img[src='x']").count()) === 0, "a name became markup");
  await ann.axe("a container with a hostile name", true);
}

// dangerous: what may do more than it should is told from what may not, in the table and on its page.
async function dangerous(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/containers?sort=risk&hide=-`);
  const first = grid(page).getByRole("row").nth(1);
  await first.getByText("Privileged").waitFor();
  await page.goto(world.url + world.ids.powerful);
  await page.getByText("it can do on the host what root can").waitFor();
  await page.getByText("/run/docker.sock").first().waitFor();
  const found = page.getByRole("region", { name: "Findings about it" });
  await found.getByRole("link", { name: /engine's socket/ }).first().click();
  await page.waitForURL(/\/findings\/[0-9a-f]+\/.+/);
  await page.getByRole("heading", { level: 2, name: "What to do" }).waitFor();
}

// exported: the file has what the table shows, and nothing that a program would compute.
async function exported(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/containers?q=web-frontend&sort=-name`);
  await page.getByRole("status").filter({ hasText: /\d+ of \d+ rows/ }).waitFor();
  const file = async (item) => {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: item }).click()]);
    check(/^bulkhead-containers-\d{4}-\d\d-\d\d\.(csv|json)$/.test(download.suggestedFilename()), `the file is called ${download.suggestedFilename()}`);
    return readFileSync(await download.path(), "utf8");
  };
  const csv = await file(/CSV/);
  check(csv.startsWith("\ufeffName,State,") && csv.split("\r\n").slice(1, -1).every((l) => l.startsWith("web-frontend,")), `the CSV is ${csv.slice(0, 300)}`);
  const json = JSON.parse(await file(/JSON/));
  check(json.length > 0 && json.every((r) => r.name === "web-frontend" && r.node !== ""), `the JSON is ${JSON.stringify(json).slice(0, 300)}`);
}

// gone: what went is not shown, and is on request.
async function went(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("containers"));
  const rows = async () => Number((await page.getByRole("status").filter({ hasText: /rows/ }).innerText()).match(/(\d+) rows/)[1]);
  const before = await rows();
  await page.getByText("Also former ones").click();
  await page.waitForURL(/gone=true/);
  await page.waitForFunction((n) => Number(document.querySelector("main [role=status]")?.textContent?.match(/(\d+) rows/)?.[1]) > n, before);
}

// many: all that runs in a container is in its list, of which those rows are in the page that are seen.
async function many(ann, world) {
  const { page } = ann;
  await page.goto(world.url + (await addressOf(page, world, "containers", "redis-cache")));
  const panel = page.getByRole("region", { name: "What runs in it" });
  const said = await panel.getByText(/^\d+ processes$/).innerText();
  const count = Number(said.split(" ")[0]);
  check(count >= 240, `it says ${said}`);
  const list = panel.getByRole("group", { name: "What runs in it" });
  const rows = list.locator("tbody tr[data-index]");
  check((await list.getByRole("table").getAttribute("aria-rowcount")) === String(count + 1), "the table does not say how long it is");
  check((await rows.count()) < 100, `${await rows.count()} rows are in the page`);
  await list.focus();
  await page.keyboard.press("End");
  await list.getByText("redis-worker --shard 239", { exact: true }).waitFor();
  await becomes(async () => (await rows.last().getAttribute("aria-rowindex")) === String(count + 1), "the last row is not the last");
  check((await rows.count()) < 100, `${await rows.count()} rows are in the page at its end`);
  await ann.axe("a long list in a panel", true);
  await ann.shot("console-container-processes");
}

export default { pages, first: [found], flows: [related, hostileNames, dangerous, many, exported, went] };
