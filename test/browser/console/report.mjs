// Proofs: exceptions that a second person approves, drills that the command line published, controls, and reports for auditors.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { check } from "../lib.mjs";
import { grid, heading, open, settled } from "./shared.mjs";

const pages = [
  { name: "exceptions", at: "/exceptions", ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "reports", at: "/reports", ready: (p) => p.getByText(/29/).first().waitFor() },
  { name: "report", at: (w) => `/reports/${w.ids.report}`, ready: (p) => p.getByText("8.6.2.c").first().waitFor() },
  { name: "requirement-drill", at: "/requirements/8.5.d", ready: (p) => p.getByText("8.5.d/password-only").first().waitFor() },
];

// made is the report that the command line had made.
async function made(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/reports`);
  const href = await page.getByRole("link", { name: "Third quarter" }).getAttribute("href");
  world.ids.report = href.split("/")[2].split("?")[0];
}

// approve: an operator asked by the command line; ann is the second person. It is shown with its end.
async function approve(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/`);
  await page.getByText("Exception for 8.1.b is asked for").waitFor();
  await page.getByRole("link", { name: "Exception for 8.1.b is asked for" }).click();
  await heading(page, "Exceptions").waitFor();
  const line = page.getByRole("listitem").filter({ hasText: "the vendor mends it next month" });
  await line.getByRole("button", { name: "Approve" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("asked for by otto and approved by you").waitFor();
  await dialog.getByRole("textbox", { name: "Why" }).fill("not longer than that");
  await settled(page);
  await ann.axe("approving an exception", true);
  await ann.shot("console-exception-approve");
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.waitFor({ state: "detached" });
  await grid(page).getByText("ends in 5 days").waitFor();
  await page.goto(`${world.url}/requirements/8.1.b`);
  const own = page.getByRole("article").filter({ hasText: "the vendor mends it next month" });
  await own.getByText("ends in 5 days").waitFor();
  await own.getByText("ann").waitFor();
}

// ask: who asks does not decide, and can take it back.
async function ask(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/requirements/8.2.b`);
  await page.getByRole("button", { name: "Record an exception" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Who answers for it").fill("ann");
  await dialog.getByRole("textbox", { name: "Why" }).fill("the registry moves in May");
  await dialog.getByLabel("Have a second person approve it").check();
  await dialog.getByRole("button", { name: "Ask for an exception" }).click();
  const line = page.getByRole("listitem").filter({ hasText: "the registry moves in May" });
  await line.getByText("Another person decides on this.").waitFor();
  check((await line.getByRole("button", { name: "Approve" }).count()) === 0, "who asked may approve");
  await line.getByRole("button", { name: "Take back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await line.waitFor({ state: "detached" });
}

// drill: what `bulkhead drill run --publish` sent, and what to run where nothing was.
async function drill(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/requirements/8.5.d`);
  const panel = page.getByRole("region", { name: "Last drill" });
  await panel.getByText("proved", { exact: true }).first().waitFor();
  await panel.getByText(/on edge-01/).waitFor();
  await panel.getByText("bulkhead drill run --requirement 8.5.d --publish").waitFor();
  await page.getByRole("region", { name: "Controls and their mode" }).getByText("control-plane").waitFor();
  await page.goto(`${world.url}/requirements?q=8.5.d`);
  await grid(page).getByText("proved", { exact: true }).waitFor();
}

// report is made, left, found again, read, printed and loaded in three formats.
async function report(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/reports`);
  await page.getByLabel("Title").fill("For the auditor");
  await page.getByRole("status").filter({ hasText: /\d+ nodes?, 29 requirements/ }).waitFor();
  await page.getByRole("combobox", { name: "Requirements" }).or(page.getByLabel("Requirements", { exact: true })).first().click();
  await page.getByRole("option", { name: /^8\.1 / }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("status").filter({ hasText: /\d+ nodes?, 3 requirements/ }).waitFor();
  await settled(page);
  await ann.axe("making a report", true);
  await ann.shot("console-report-new", true);
  await page.getByRole("button", { name: "Make the report" }).click();
  await page.waitForURL(/\/reports\/[0-9a-f-]+/);
  await page.goto(`${world.url}/findings`); // and left
  await grid(page).waitFor();
  await page.goto(`${world.url}/reports`);
  await page.getByRole("listitem").filter({ hasText: "For the auditor" }).getByText("ready").waitFor();
  await page.getByRole("link", { name: "For the auditor" }).click();
  await page.getByRole("region", { name: "What is not met, and why" }).getByRole("heading", { level: 3 }).first().waitFor();
  await printed(ann, world);
  for (const [name, parse] of Object.entries(formats)) {
    await page.getByRole("button", { name: "Download" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name, exact: true }).click()]);
    parse(readFileSync(await file.path(), "utf8"));
  }
}

async function printed(ann) {
  const { page } = ann;
  await page.emulateMedia({ media: "print" });
  check(!(await page.getByRole("navigation").first().isVisible()), "the menu is printed");
  check(!(await page.getByRole("button", { name: "Download" }).isVisible()), "buttons are printed");
  await ann.shot("console-report-print", true);
  const pdf = await page.pdf({ format: "A4", printBackground: true, path: join(ann.shots, "console-report.pdf") });
  check(pdf.subarray(0, 5).toString() === "%PDF-" && pdf.length > 20_000, `the PDF has ${pdf.length} bytes`);
  await page.emulateMedia({ media: null });
}

const formats = {
  JSON: (text) => {
    const r = JSON.parse(text);
    check(r.schema === "bulkhead.report/v1" && r.requirements.length === 3 && r.nodes.length > 3, `the JSON is of ${r.requirements?.length} requirements`);
  },
  OSCAL: (text) => {
    const r = JSON.parse(text)["assessment-results"].results[0];
    check(r.findings.length === 3 && r["local-definitions"]["inventory-items"].length > 3, "the OSCAL lacks findings or nodes");
  },
  HTML: (text) => check(text.startsWith("<!DOCTYPE html>") && text.includes("For the auditor") && !text.includes("<script"), "the HTML is no report"),
};

export default { pages, first: [made], flows: [approve, ask, drill, report] };
