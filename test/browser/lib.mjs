// What the scripts that drive Chromium share: a browser that trusts the server and has a virtual authenticator, the eyes that look at each
// page, and how a script begins and ends.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// What Chromium complains of, and a test may provoke.
const refusals = new Set([401, 403, 404, 429]);

export function check(ok, what) {
  if (!ok) throw new Error(what);
}

// patience is how long, in milliseconds, a page may take to show something: hardly any of it, but on a busy machine.
export const patience = 60_000;

// becomes waits until something is so: what is read once, right after something else was seen, may be of a moment before.
export async function becomes(is, what) {
  for (const end = Date.now() + patience; !(await is()); await new Promise((go) => setTimeout(go, 100))) check(Date.now() < end, what);
}

// run goes through a console as the people whom work starts by person(name), or person(name, zone) where their clock is not that of the machine. What happens outside of the browser work asks for by
// outside(what), which prints a line and gives the answer. It ends the program: where something went wrong, with all of it on its error
// output and a picture of what each person saw.
// Nobody asks for anything elsewhere than at url, or at the addresses of also.
export async function run({ url, spki, shots, also = [] }, work) {
  const problems = [];
  const people = [];
  const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  try {
    await work({
      person: async (name, zone) => {
        people.push(await Person.start(name, { url, spki, shots, also, problems, zone }));
        return people.at(-1);
      },
      outside: async (what) => {
        console.log(what);
        return (await answers.next()).value;
      },
    });
  } catch (err) {
    problems.push(String(err.stack));
    for (const p of people) {
      if (!p.closed) await p.shot(`failed-${p.name}`).catch((e) => problems.push(`no picture of what ${p.name} saw: ${e.message}`));
    }
  } finally {
    for (const p of people) await p.close();
  }
  if (problems.length > 0) console.error(problems.join("\n"));
  process.exit(problems.length > 0 ? 1 : 0);
}

export const cookie = (page, url, name, value) => page.context().addCookies([{ name, value, url, secure: true, sameSite: "Strict" }]);

// Person is somebody with a browser of their own.
export class Person {
  static async start(name, { url, spki, shots, also, problems, zone }) {
    const p = new Person();
    Object.assign(p, { name, url, shots, also, problems, profile: mkdtempSync(join(tmpdir(), "bulkhead-browser-")), quiet: false });
    p.context = await chromium.launchPersistentContext(p.profile, {
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      viewport: { width: 1440, height: 900 },
      timezoneId: zone,
      permissions: ["clipboard-read", "clipboard-write"],
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        `--ignore-certificate-errors-spki-list=${spki}`,
      ],
    });
    p.page = p.context.pages()[0] ?? (await p.context.newPage());
    p.page.setDefaultTimeout(patience);
    p.watch();
    const cdp = await p.context.newCDPSession(p.page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    // present says whether somebody touches the authenticator when it is asked.
    p.present = (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });
    return p;
  }

  // watch notes what must not happen on any page: errors of scripts, refusals of the content policy, dialogues, requests to elsewhere.
  watch() {
    const note = (what) => this.quiet || this.problems.push(`${this.name}: ${this.page.url()}: ${what}`);
    this.page.on("pageerror", (e) => note(`script: ${e.stack}`));
    this.page.on("dialog", (d) => {
      note(`a dialogue: ${d.message()}`);
      d.dismiss();
    });
    this.page.on("console", (m) => {
      const status = Number(m.text().match(/status of (\d+)/)?.[1]);
      if (m.type() === "error" && !refusals.has(status)) note(`console: ${m.text()}`);
    });
    this.page.on("request", (r) => {
      if (![this.url, "data:", ...this.also].some((at) => r.url().startsWith(at))) note(`a request to ${r.url()}`);
    });
  }

  // enrol uses a link up, with a passkey, and ends in the console.
  async enrol(link, password) {
    const { page } = this;
    await page.goto(link);
    const first = page.locator("#enrol-password");
    await first.waitFor();
    const name = page.locator("#enrol-name"); // who enrols first chooses one
    if (await name.isEditable()) await name.fill(this.name);
    await first.fill(password);
    await page.locator("#enrol-password-again").fill(password);
    await page.locator("#enrol-submit").click();
    await page.locator("#passkey-name").fill("virtual key");
    await page.locator("#passkey-add").click();
    await page.locator("#recovery-done").click();
    await page.waitForURL((u) => u.pathname === "/");
  }

  async close() {
    if (this.closed) return;
    this.closed = true;
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }

  // axe looks for what WCAG 2.2 AA forbids, and on whole pages for what is not done.
  async axe(where, part = false) {
    await this.page.evaluate(axe); // not as a script of the page: its policy would refuse it
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", ...(part ? [] : ["best-practice"])];
    const found = await this.page.evaluate(async (runOnly) => {
      const run = await window.axe.run({ runOnly });
      return run.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 4).map((n) => `${n.target} ${n.failureSummary}`).join("; ")})`);
    }, tags);
    this.problems.push(...found.map((f) => `axe: ${where}: ${f}`));
  }

  // fits says where the page is wider than the window.
  async fits(where) {
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) this.problems.push(`${where}: the page is ${wide} px wider than the window`);
  }

  async shot(name, fullPage = false) {
    await this.page.screenshot({ path: join(this.shots, `${name}.png`), fullPage, animations: "disabled" });
  }
}
