// The standard: overview, requirements, and exceptions to them.
import { check, cookie } from "../lib.mjs";
import { settled, grid } from "./shared.mjs";

const pages = [
  { name: "overview", at: "/", ready: (p) => p.getByText(/of 29 requirements|29 项要求中/).waitFor() },
  { name: "requirements", at: "/requirements", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "requirement", at: "/requirements/8.1.c", ready: (p) => p.locator("article").first().waitFor() },
];

// week is the server's answer of where requirements stood in a week (Trend of operations.proto), which a server of a minute can't give.
function week() {
  const varint = (n) => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  const part = (field, bytes) => [(field << 3) | 2, ...varint(bytes.length), ...bytes];
  const number = (field, n) => [field << 3, ...varint(n)];
  const counts = (of) => Object.entries(of).flatMap(([status, n]) => part(2, [...part(1, [...Buffer.from(status)]), ...number(2, n)]));
  const now = Math.floor(Date.now() / 1000);
  return Buffer.from(
    Array.from({ length: 29 }, (_, i) => {
      const met = 8 + Math.floor(i / 2);
      return part(1, [...part(1, number(1, now - (28 - i) * 6 * 3600)), ...counts({ met, not_met: 5, unknown: 24 - met }), ...number(3, 6)]);
    }).flat(),
  );
}

// trend: what there is of a week is drawn, and said for those who do not see it; before that the page says when there will be something.
async function trend(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/`);
  const panel = page.getByRole("region", { name: "Last seven days" });
  await panel.getByText("There is no history yet").or(panel.locator("path.recharts-area-area").first()).first().waitFor(); // every six hours there is a point
  const asked = "**/bulkhead.v1.AssessmentService/GetTrend";
  await page.route(asked, (route) => route.fulfill({ contentType: "application/proto", body: week() }));
  await page.reload();
  await panel.getByText("Seven days ago 8 requirements were met, now 22 are.").waitFor({ state: "attached" });
  await panel.locator("path.recharts-area-area").nth(2).waitFor();
  for (const scheme of ["dark", "light"]) {
    await cookie(page, world.url, "bulkhead-scheme", scheme);
    await page.reload();
    await panel.locator("path.recharts-area-area").nth(2).waitFor();
    await panel.scrollIntoViewIfNeeded();
    await settled(page);
    await ann.axe(`an overview with a trend, ${scheme}`);
    await ann.shot(`console-overview-trend${scheme === "dark" ? "-dark" : ""}`);
  }
  await page.unroute(asked);
}

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

export default { pages, flows: [trend, remedy, exception] };
