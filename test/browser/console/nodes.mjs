// Nodes: the list as a view that can be sent, joining, and what can't be undone.
import { check } from "../lib.mjs";
import { grid, heading, open, settled } from "./shared.mjs";

const pages = [
  { name: "nodes", at: "/nodes", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "node", at: (w) => `/nodes/${w.ids.db}`, ready: (p) => p.getByText("web-frontend").first().waitFor() },
  { name: "facts", at: (w) => `/nodes/${w.ids.db}/facts?at=/containers/0/name`, ready: (p) => p.getByText(/^containers$/).first().waitFor() },
  { name: "join", at: "/nodes/join", ready: (p) => p.locator("form").waitFor() },
];

// tables: words, groups and their address, which opens the same view again.
async function tables(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("nodes"));
  await page.getByRole("textbox", { name: "Search in Nodes" }).fill("edge");
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  await page.getByRole("button", { name: /^Name/ }).click();
  await page.waitForURL(/sort=name/);
  check(page.url().includes("q=edge"), `the address has no words: ${page.url()}`);
  const link = page.url();
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  check((await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort")) === "ascending", "the address does not keep the order");
}

// join makes a command that can be copied.
async function joining(ann, world) {
  const { page } = ann;
  await open(world, page, world.page("join"));
  await page.getByLabel("What it is for").fill("rack 7");
  await page.getByRole("button", { name: "Make the command" }).click();
  await page.getByRole("button", { name: "Copy: Commands for the new machine" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(/agent --join 'https:\/\/\S+#ca=sha256:\S+' --token-file/.test(copied), `what is copied is ${copied}`);
  await ann.axe("a command to join", true);
}

export default { pages, flows: [tables, joining] };
