// The audit log: searches that can be sent, records verified in the browser and forged on their way, damaged logs, export; and jobs.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { becomes, check } from "../lib.mjs";
import { grid, heading, open, settled } from "./shared.mjs";

const record = (w) => `/audit/records/${w.ids.record}`;
const held = (p) => p.getByText("Yes. This browser checked it.").waitFor();
const inChinese = async (p, en, zh) => p.getByText((await p.locator("html").getAttribute("lang")) === "zh" ? zh : en).first().waitFor();

const pages = [
  { name: "audit", at: "/audit", raw: true, ready: (p) => p.locator("main ol li a").first().waitFor() },
  { name: "audit-none", at: "/audit?actor=nobody-of-this-name", ready: (p) => inChinese(p, "No record fits", "没有符合条件的记录") },
  { name: "audit-record", at: record, raw: true, ready: (p) => p.locator("[data-step=continues]").waitFor() },
  { name: "audit-record-node", at: (w) => `/audit/records/${w.ids.nodeLog}/0`, raw: true, ready: (p) => p.locator("[data-step=inclusion]").waitFor() },
  { name: "audit-logs", at: "/audit/logs", ready: (p) => grid(p).getByRole("link").nth(1).waitFor() },
  { name: "audit-log", at: (w) => `/audit/log/${w.ids.nodeLog}`, ready: (p) => p.getByRole("alert").first().waitFor() },
  { name: "audit-export", at: "/audit/export?action=TenantCreate", raw: true, ready: (p) => p.locator("form").waitFor() },
  { name: "jobs", at: "/jobs", ready: (p) => grid(p).getByRole("row").nth(1).waitFor() },
];

const rows = (page) => page.locator("main ol li a[href*='/audit/records/']");

// searching: the form becomes an address, which opens the same again; who is clicked narrows it.
async function searching(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/audit`);
  await rows(page).first().waitFor();
  await page.getByRole("combobox", { name: "Action" }).fill("create t");
  await page.getByRole("option", { name: "Create tenant TenantCreate" }).click();
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.waitForURL(/action=TenantCreate/);
  const many = page.getByText(/^\d+ records\. Times are in UTC\.\s*$/); // not the list of before, of which there is more
  await many.waitFor();
  const found = await many.innerText();
  const link = page.url();
  world.ids.record = decodeURIComponent((await rows(page).first().getAttribute("href")).split("/audit/records/")[1].split("?")[0]);
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByText(found).waitFor();
  check((await page.getByRole("combobox", { name: "Action" }).inputValue()) === "TenantCreate", "the form does not say what the address says");
  await page.locator("main ol li").first().getByRole("link", { name: "admin" }).click();
  await page.waitForURL(/actor=/);
  await page.getByText(found).waitFor();
  ann.quiet = true; // Chromium complains of the refusal
  await page.getByLabel("More conditions").fill("nonsense = 1");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.getByRole("alert").getByText("page.filter").first().waitFor();
  ann.quiet = false;
  await ann.axe("a filter that is none");
}

// reading: what happens elsewhere is said, and the log is not read again by itself.
async function reading(ann, world) {
  const { page } = ann;
  let calls = 0;
  const count = (r) => {
    if (r.url().endsWith("/SearchRecords")) calls++;
  };
  page.on("request", count);
  const read = () => page.waitForResponse((r) => r.url().endsWith("/SearchRecords"));
  const first = read();
  await page.goto(`${world.url}/audit?action=JobRun`);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText("What to look for").first().waitFor();
  await first;
  await page.waitForTimeout(500);
  await world.outside("make-tenant hooli");
  await page.getByText("there are newer records").waitFor();
  check(calls === 1, `the log was read ${calls} times, not once`);
  const second = read();
  await page.getByRole("button", { name: "Load the newest" }).click();
  await second;
  await page.getByText("there are newer records").waitFor({ state: "hidden" });
  check(calls === 2, `the log was read ${calls} times, not twice`);
  page.off("request", count);
}

// forged answers requests for a record with what change makes of the server's answer, on its way to the page.
async function forged(page, change, look) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Fetch.enable", { patterns: [{ urlPattern: "*AuditService/GetRecord", requestStage: "Response" }] });
  let touched = 0;
  cdp.on("Fetch.requestPaused", async (e) => {
    const { body, base64Encoded } = await cdp.send("Fetch.getResponseBody", { requestId: e.requestId });
    let raw = Buffer.from(body, base64Encoded ? "base64" : "latin1");
    if (raw[0] === 0x1f && raw[1] === 0x8b) raw = gunzipSync(raw);
    const to = change(Buffer.from(raw));
    check(!to.equals(raw), "nothing was forged");
    touched++;
    const keep = e.responseHeaders.filter((h) => !/^content-(encoding|length)$/i.test(h.name));
    await cdp.send("Fetch.fulfillRequest", { requestId: e.requestId, responseCode: 200, responseHeaders: keep, body: to.toString("base64") });
  });
  await look();
  check(touched > 0, "no answer came by");
  // Not detached: Chromium takes the virtual authenticator away with any session that ends.
  await cdp.send("Fetch.disable");
}

// verifying: the proof holds, step by step; what was forged on its way does not, whatever was forged.
async function verifying(ann, world) {
  const { page } = ann;
  await page.goto(world.url + record(world));
  await held(page);
  await page.locator("[data-step=key][data-state=new], [data-step=key][data-state=good]").waitFor();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator("[data-step=continues][data-state=good]").waitFor();
  await page.locator("[data-step=key][data-state=good]").waitFor();
  await becomes(async () => (await page.locator("[data-step]").count()) === 8, "a step is missing");
  await becomes(async () => (await page.locator("[data-step]:not([data-state=good])").count()) === 0, "a step does not hold");

  const all = (from, to) => (b) => Buffer.from(b.toString("latin1").replaceAll(from, to), "latin1");
  const flipped = (at) => (b) => {
    b[at < 0 ? b.length + at : at] ^= 1;
    return b;
  };
  // All that is said of the outcome, at once: only the proof tells. Then a hash of the path, the root that was signed, the size.
  const forgeries = [
    ["inclusion", all("allowed", "refused")],
    ["continues", flipped(-1)],
    ["signature", (b) => Buffer.from(b.toString("latin1").replace(/(bulkhead\/[^\n/]+\n\d+\n)(.)/, (_, n, c) => n + (c === "A" ? "B" : "A")), "latin1")],
    // A larger size: one that the record is not in would be told as that.
    ["signature", (b) => Buffer.from(b.toString("latin1").replace(/(bulkhead\/[^\n/]+\n)(\d+)(\n[A-Za-z0-9+/]{43}=\n)/, (_, a, n, c) => a + (n[0] === "9" ? n.replaceAll(/\d/g, "9") : Number(n[0]) + 1 + n.slice(1)) + c), "latin1")],
  ];
  for (const [step, change] of forgeries) {
    await forged(page, change, async () => {
      await page.reload();
      await page.getByText("No. What the server gave does not hold.").waitFor();
      await page.locator(`[data-step=${step}][data-state=bad]`).waitFor();
      check(await page.getByRole("alert").first().isVisible(), "it is not told as an alert");
    });
    if (step === "inclusion") {
      await ann.axe("a forged record");
      await ann.shot("console-audit-forged");
    }
  }
  await page.reload();
  await held(page); // what was forged left nothing behind
}

// elsewhere: a browser that has no Ed25519 is helped, and one that knew another key says so.
async function elsewhere(ann, world) {
  const { page } = ann;
  await page.evaluate(() => {
    const real = crypto.subtle.importKey.bind(crypto.subtle);
    crypto.subtle.importKey = (format, key, name, ...rest) =>
      name === "Ed25519" ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")) : real(format, key, name, ...rest);
  });
  const loaded = page.waitForResponse((r) => /ed25519.*\.js$/.test(r.url()));
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await loaded;
  await page.waitForTimeout(300);
  await held(page);
  const name = await page.evaluate(() => Object.keys(localStorage).find((k) => k.startsWith("bulkhead.log.bulkhead/")));
  await page.evaluate((k) => {
    const v = JSON.parse(localStorage.getItem(k));
    localStorage.setItem(k, JSON.stringify({ ...v, key: v.key.replace(/\+[0-9a-f]{8}\+/, "+00000000+") }));
  }, name);
  await page.reload();
  await page.locator("[data-step=key][data-state=bad]").waitFor();
  await page.goto(`${world.url}/audit/log/${name.slice("bulkhead.log.".length)}`);
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await page.getByText("Nothing yet. Open a record of this log.").waitFor();
  await page.goto(world.url + record(world));
  await held(page);
}

// damaged: a node that rewrote its log is shown, with where and what to do; its names stay text.
async function damaged(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/audit/logs`);
  await page.getByRole("alert").getByText("A log is not what it was").waitFor();
  await page.getByText("Forked", { exact: true }).waitFor();
  await page.getByText(/rewritten between entry 0 and entry 3/).waitFor();
  const link = page.locator("article").getByRole("link").first();
  world.ids.nodeLog = await link.innerText();
  await link.click();
  await heading(page, world.ids.nodeLog).waitFor();
  await page.getByText("plane-02").first().waitFor();
  await page.goto(`${world.url}/audit/records/${world.ids.nodeLog}/0`);
  await page.getByText("It can't be told from here.").waitFor();
  await page.getByText('<img src=x onerror="document.title=\'owned\'">').first().waitFor();
  check((await page.locator("main img[src='x']").count()) === 0 && (await page.title()) !== "owned", "a name was taken for markup");
  check(!(await page.locator("main").innerText()).includes("\u202e"), "a letter that turns text round is not shown as such");
  await page.goto(`${world.url}/audit?log=${encodeURIComponent(world.ids.nodeLog)}`);
  await page.getByText("8 records.").waitFor();
  await page.goto(`${world.url}/nodes/${world.ids.db}`);
  await page.getByRole("link", { name: "Audit records" }).click();
  await page.waitForURL((u) => u.pathname === "/audit" && u.searchParams.get("type") === "Node" && u.searchParams.get("resource") === world.ids.db);
  await rows(page).first().waitFor();
}

// verifyAll runs as a job, which is left and found again.
async function verifyAll(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/audit/logs`);
  await page.getByRole("button", { name: "Verify all logs" }).click();
  await page.goto(`${world.url}/jobs?sort=-created`);
  const job = page.getByRole("region", { name: "Verify all audit logs" });
  await job.getByText("done", { exact: true }).waitFor();
  await job.getByText(/entries verified/).waitFor();
  await grid(page).getByRole("row").filter({ hasText: "Verify all audit logs" }).first().getByRole("gridcell").nth(2).click();
  await page.getByRole("dialog", { name: "Verify all audit logs" }).waitFor();
  await settled(page);
  await ann.axe("a job", true);
  await ann.shot("console-job");
  await page.keyboard.press("Escape");
  await page.goto(`${world.url}/audit/logs`);
  await page.getByText(/\d+ entries verified/).first().waitFor();
}

// exporting: the file has as many lines as was said, each an entry; to memory, and to a file as it comes.
async function exporting(ann, world) {
  const { page } = ann;
  const lines = (text) => text.split("\n").filter((l) => l !== "").map((l) => JSON.parse(l));
  await page.goto(`${world.url}/audit/export?outcome=refused`);
  await page.evaluate(() => (window.showSaveFilePicker = undefined));
  const start = page.getByRole("button", { name: "Export", exact: true });
  const download = page.waitForEvent("download");
  await start.click();
  const file = await download;
  check(/^bulkhead-audit-.*\.jsonl$/.test(file.suggestedFilename()), `the file is called ${file.suggestedFilename()}`);
  const got = lines(readFileSync(await file.path(), "utf8"));
  await page.getByText("Exported", { exact: true }).waitFor();
  const said = Number((await page.getByRole("status").filter({ hasText: "Exported" }).innerText()).match(/(\d+) records?/)[1]);
  check(said === got.length && got.length >= 8, `it says ${said} records, and the file has ${got.length} lines`);
  check(got.every((e) => e.status_code === "refused"), "the file has other records than were chosen");
  check(got.every((e, i) => i === 0 || e.time >= got[i - 1].time), "the oldest is not first");
  check(got.some((e) => Object.hasOwn(e.unmapped.changes ?? {}, "__proto__")), "an entry is not what the log has");
  // It is found again on the page, after another one.
  await page.getByRole("link", { name: "Search", exact: true }).click();
  await rows(page).first().waitFor();
  await page.getByRole("link", { name: "Export", exact: true }).first().click();
  await page.getByText("Exported", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByText("Nothing was exported here yet.").waitFor();
  await page.evaluate(() => {
    window.showSaveFilePicker = async () => (await navigator.storage.getDirectory()).getFileHandle("records.jsonl", { create: true });
  });
  await start.click();
  await page.getByText("Exported", { exact: true }).waitFor();
  const streamed = await page.evaluate(async () => {
    const dir = await navigator.storage.getDirectory();
    return (await (await dir.getFileHandle("records.jsonl")).getFile()).text();
  });
  check(lines(streamed).length >= got.length, `the file that is written as it comes has ${lines(streamed).length} lines`);
  await ann.axe("an export");
  await ann.shot("console-audit-exported");
}

export default { pages, first: [searching], flows: [reading, damaged, verifying, elsewhere, verifyAll, exporting] };
