// Findings: by kind, so that a thousand equal ones are one line.
import { grid, settled } from "./shared.mjs";

const pages = [{ name: "findings", at: "/findings", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() }];

async function grouped(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/findings?group=severity`);
  await grid(page).getByRole("row", { expanded: false }).first().click();
  await grid(page).getByRole("row", { expanded: true }).first().waitFor();
  await grid(page).getByRole("row").nth(2).getByRole("gridcell").nth(1).click();
  await page.getByRole("dialog", { name: "Finding" }).waitFor();
  await settled(page);
  await ann.axe("a finding", true);
  await ann.shot("console-finding");
}

export default { pages, flows: [grouped] };
