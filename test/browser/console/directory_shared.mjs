// What the flows of people and of what they hold share.
import { grid } from "./shared.mjs";

export const rows = (p) => grid(p).getByRole("row").nth(1).waitFor();
export const dialog = (page, name) => page.getByRole("dialog", { name });
export const go = (world, page, at) => page.goto(world.url + at);

// fresh waits for what an action leads to, and shows a factor where that is asked for first.
export async function fresh(page, until) {
  await page.bringToFront(); // passkeys wait for the page that is in front
  const again = dialog(page, "Show your second factor again");
  await Promise.race([again.waitFor(), until.waitFor()]);
  if (await again.isVisible()) await again.getByRole("button", { name: "Use a passkey" }).click();
  await until.waitFor();
}

// quietly does what the server refuses on purpose, of which Chromium complains.
export async function quietly(person, work) {
  person.quiet = true;
  await work();
  person.quiet = false;
}

export async function choose(page, action) {
  await page.getByRole("button", { name: "Actions", exact: true }).click();
  await page.getByRole("menuitem", { name: action }).click();
}
