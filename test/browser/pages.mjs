// Goes through the plain pages of a control plane in headless Chromium, as a person would: enrols with a passkey, adds an
// authenticator app, signs out and in, approves a device and ends its session, shows a factor again where it must, changes
// the password. Each page is looked at by axe in both themes, and at 360 px.
// The server's step_up must be 60 s.
// Usage: node pages.mjs URL ENROLMENT-LINK SPKI-OF-THE-CA BULKHEAD CA-FINGERPRINT HOME SCREENSHOTS
import { createHmac } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, link, spki, bulkhead, fingerprint, home, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const password = "four gulls over ostend";
const profile = mkdtempSync(join(tmpdir(), "bulkhead-browser-"));
const problems = [];
const refusals = new Set([401, 403, 404, 429]); // what Chromium complains of, and a test may provoke

function totp(secret, time) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0");
}

function check(ok, what) {
  if (!ok) throw new Error(what);
}

// account goes from the console, where one is after signing in, to the own account.
async function account(page) {
  await page.waitForURL((u) => u.pathname === "/");
  await page.goto(`${url}/account`);
  await page.locator("#account").waitFor();
}

// look checks the page's accessibility in both themes, whether it fits a small window, and takes its pictures.
async function look(page, name) {
  await page.evaluate(axe); // not as a script of the page: its policy would refuse it
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(200); // colours of buttons fade
    await page.screenshot({ path: join(shots, `pages-${name}${colorScheme === "dark" ? "-dark" : ""}.png`), fullPage: true });
    const found = await page.evaluate(async () =>
      (await window.axe.run()).violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join(", ")})`),
    );
    problems.push(...found.map((f) => `${name}, ${colorScheme}: ${f}`));
  }
  await page.emulateMedia({ colorScheme: null });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 780 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) problems.push(`${name} is ${wide} px wider than a window of 360 px`);
  await page.screenshot({ path: join(shots, `pages-${name}-360.png`), fullPage: true });
  await page.setViewportSize(size);
}

// run runs the command line to its end and gives its status.
function run(...args) {
  const child = spawn(bulkhead, args, { env: { HOME: home, PATH: process.env.PATH } });
  return new Promise((resolve) => child.on("exit", resolve));
}

// recoveryCodes are the codes that are shown once.
async function recoveryCodes(page) {
  const codes = await page.locator("#recovery-codes li").allTextContents();
  check(codes.length >= 8, `${codes.length} recovery codes are too few`);
  return codes.map((c) => c.trim());
}

// login starts `bulkhead login` and gives the code that it shows, and its end.
function login() {
  const child = spawn(bulkhead, ["login", "--server", url, "--ca-fingerprint", fingerprint], { env: { HOME: home, PATH: process.env.PATH } });
  let text = "";
  const code = new Promise((resolve, reject) => {
    const read = (b) => {
      text += b;
      const m = text.match(/\b([A-Z0-9]{4}-[A-Z0-9]{4})\b/);
      if (m) resolve(m[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => reject(new Error(`login ended: ${text}`)));
  });
  const end = new Promise((resolve) => child.on("exit", (status) => resolve({ status, text })));
  return { code, end };
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    `--ignore-certificate-errors-spki-list=${spki}`,
  ],
});
try {
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(60000);
  page.on("pageerror", (e) => problems.push(`script: ${e.message}`));
  page.on("console", (m) => {
    const status = Number(m.text().match(/status of (\d+)/)?.[1]);
    if (m.type() === "error" && !refusals.has(status)) problems.push(`console: ${m.text()}`);
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });

  await page.goto(link);
  await page.locator("#enrol-name").fill("admin");
  check(!page.url().includes("bhe_"), "the enrolment code stays in the address bar");
  await look(page, "enrol");
  await page.locator("#enrol-password").fill(password);
  await page.locator("#enrol-password-again").fill("other " + password);
  await page.locator("#enrol-submit").click();
  await page.locator("#error:not([hidden])").waitFor();
  await page.locator("#enrol-password-again").fill(password);
  await page.locator("#enrol-submit").click();
  await page.locator("#register").waitFor();
  await look(page, "register");
  await page.locator("#passkey-name").fill("virtual key");
  await page.locator("#passkey-add").click();
  await page.locator("#recovery").waitFor();
  const [former] = await recoveryCodes(page);
  await look(page, "recovery");
  await page.locator("#recovery-done").click();

  await account(page);
  await page.locator("#factors tbody tr").first().waitFor(); // the passkey is listed
  await page.locator("#factor-add").click();
  await page.locator("#totp-begin").click();
  await page.locator("#totp-secret").waitFor();
  await page.locator("#totp-qr").waitFor();
  const secret = (await page.locator("#totp-text").textContent()).replaceAll(" ", "");
  await look(page, "totp");
  const used = totp(secret, Date.now());
  await page.locator("#totp-code").fill(used);
  await page.locator("#totp-finish").click();
  await page.locator("#factors tbody tr").nth(1).waitFor();
  await look(page, "account");

  await page.locator("#sign-out").click();
  await page.locator("#signin-form").waitFor();
  await look(page, "sign-in");
  await page.locator("#signin-name").fill("admin");
  await page.locator("#signin-password").fill("not the password at all");
  await page.locator("#signin-submit").click();
  await page.locator("#error:not([hidden])").waitFor();
  await page.locator("#signin-password").fill(password);
  await page.locator("#signin-submit").click();
  await page.locator("#second").waitFor();
  await look(page, "second");
  await page.locator("#second-code").fill(used);
  await page.locator("#second-submit").click();
  await page.locator("#error:not([hidden])").waitFor(); // a code is good once
  await page.locator("#second-passkey").click();
  await account(page);

  await page.locator("#sign-out").click();
  await page.locator("#signin-passkey").click();
  await account(page);

  const cli = login();
  await page.goto(`${url}/device`);
  await page.locator("#device-code").fill(await cli.code);
  await page.locator("#device-submit").click();
  await page.locator("#device-allow").waitFor();
  await look(page, "device");
  await page.locator("#device-allow").click();
  const ended = await cli.end;
  check(ended.status === 0, `login ended with ${ended.status}: ${ended.text}`);

  // The session of `bulkhead login` is listed, and ends from here.
  check((await run("whoami")) === 0, "the command line is not signed in");
  await page.goto(`${url}/account`);
  await page.locator("#account").waitFor();
  const others = page.locator("#sessions tbody button");
  await others.first().waitFor();
  check((await others.count()) === 1, `${await others.count()} other sessions are listed, not one`);
  await others.click();
  await page.locator("#sessions tbody").getByRole("button").waitFor({ state: "detached" });
  check((await run("whoami")) !== 0, "the session that was ended goes on");

  // A dangerous action wants a factor that was shown just now.
  await page.waitForTimeout(61000);
  await page.locator("#recovery-replace").click();
  await page.locator("#stepup[open]").waitFor();
  await look(page, "stepup");
  await page.locator("#stepup-cancel").click();
  await page.locator("#stepup:not([open])").waitFor({ state: "attached" });
  check(!(await page.locator("#recovery").isVisible()), "new recovery codes came without a factor");
  check(!(await page.locator("#error").isVisible()), "to cancel is an error");
  await page.locator("#recovery-replace").click();
  await page.locator("#stepup-code").fill("000000");
  await page.locator("#stepup-verify").click();
  await page.locator("#stepup-error:not([hidden])").waitFor();
  check(!(await page.locator("#recovery").isVisible()), "new recovery codes came with a wrong code");
  await page.locator("#stepup-passkey").click();
  await page.locator("#recovery").waitFor();
  const [recovery] = await recoveryCodes(page);
  await page.locator("#recovery-done").click();

  // The password is changed by whoever knows the old one; then only the new one is good.
  const changed = "six rooks near bruges";
  refusals.add(400); // a wrong old password
  for (const [old, right] of [["not the old one at all", false], [password, true]]) {
    await page.locator("#password-old").fill(old);
    await page.locator("#password-new").fill(changed);
    await page.locator("#password-again").fill(changed);
    await page.locator("#password-submit").click();
    if (!right) await page.locator("#error:not([hidden])").waitFor();
  }
  await page.waitForFunction(() => document.getElementById("password-old").value === "");
  refusals.delete(400);
  await page.locator("#sign-out").click();
  await page.locator("#signin-form").waitFor();
  await page.locator("#signin-name").fill("admin");
  await page.locator("#signin-password").fill(password);
  await page.locator("#signin-submit").click();
  await page.locator("#error:not([hidden])").waitFor();
  await page.locator("#signin-password").fill(changed);
  await page.locator("#signin-submit").click();
  await page.locator("#second-code").fill(totp(secret, Date.now())); // of another minute than the one that was used
  await page.locator("#second-submit").click();
  await account(page);

  // Who lost both factors has the recovery codes: the newest ones, each once.
  await page.locator("#sign-out").click();
  await page.locator("#signin-form").waitFor();
  await page.locator("#signin-name").fill("admin");
  await page.locator("#signin-password").fill(changed);
  await page.locator("#signin-submit").click();
  await page.locator("#second-code").fill(former);
  await page.locator("#second-submit").click();
  await page.locator("#error:not([hidden])").waitFor();
  await page.locator("#second-code").fill(recovery);
  await page.locator("#second-submit").click();
  await account(page);

  for (const [at, part, name] of [["/account", "#account", "account-zh"], ["/device", "main", "device-zh"]]) {
    await page.goto(`${url}${at}?lang=zh`);
    await page.locator(part).waitFor();
    check((await page.locator("html").getAttribute("lang")).startsWith("zh"), `${name} is not in Chinese`);
    await look(page, name);
  }
  await page.goto(`${url}/account`);
  await page.locator("#sign-out").click();
  await page.locator("#signin-form").waitFor();
  await look(page, "sign-in-zh");
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log("all pages were gone through");
