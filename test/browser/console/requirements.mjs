// The standard: overview, requirements, and exceptions to them.
import { check } from "../lib.mjs";
import { settled, grid } from "./shared.mjs";

const pages = [
  { name: "overview", at: "/", ready: (p) => p.getByText(/of 29 requirements|29 项要求中/).waitFor() },
  { name: "requirements", at: "/requirements", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "requirement", at: "/requirements/8.1.c", ready: (p) => p.locator("article").first().waitFor() },
];

// remedy: what to do is copied, from where the requirement fails.
async function remedy(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/requirements/8.1.c?node=${world.ids.db}`);
  const failing = page.getByRole("article").filter({ hasText: "8.1.c/socket-mounts" });
  await failing.getByRole("button", { name: "Copy: 8.1.c/socket-mounts" }).click();
  await failing.getByRole("status").filter({ hasText: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(copied.startsWith("Start the container without -v /var/run/docker.sock"), `what is copied is ${copied}`);
}

// exception is recorded with a preview, shown, and ended.
async function exception(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/requirements/8.2.a`);
  await page.getByRole("button", { name: "Record an exception" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The status stays as it is.").waitFor();
  await dialog.getByLabel("Who answers for it").fill("ann");
  await dialog.getByRole("textbox", { name: "Why" }).fill("the migration is in March");
  await settled(page);
  await ann.axe("an exception", true);
  await dialog.getByRole("button", { name: "Record an exception" }).click();
  await page.getByText("the migration is in March").first().waitFor();
  await page.getByRole("button", { name: "End exception" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "End exception" }).click();
  await page.getByText("the migration is in March").waitFor({ state: "detached" });
}

export default { pages, flows: [remedy, exception] };
