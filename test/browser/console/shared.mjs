// What the flows of the console share.
export const heading = (page, name) => page.getByRole("heading", { level: 1, name });
export const grid = (page) => page.locator("[role=grid], [role=treegrid]");

/** open goes to a page and waits until it has come. */
export async function open(world, page, p) {
  await page.goto(world.url + (typeof p.at === "function" ? p.at(world) : p.at));
  await p.ready(page);
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(400); // charts and virtual rows
}

/** settled waits until a dialogue has come in, so that axe sees its colours. */
export const settled = (page) => page.waitForTimeout(300);

// factored waits for what comes of an action, and shows the second factor where it is asked for on the way.
export async function factored(page, done) {
  const again = page.getByRole("dialog", { name: "Show your second factor again" });
  await again.or(done).first().waitFor();
  if (await again.isVisible()) await again.getByRole("button", { name: "Use a passkey" }).click();
  await done.waitFor();
}
