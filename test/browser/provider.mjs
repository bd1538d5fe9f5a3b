// Signing in at a provider (OpenID Connect) in headless Chromium, as people would: from a deep link to it and back to the very view, again
// where a second factor is asked for, and what is said when it does not work.
// Usage: node provider.mjs URL PROVIDER USER PASSWORD SPKI,SPKI SCREENSHOTS
import { heading, settled } from "./console/shared.mjs";
import { check, cookie, run } from "./lib.mjs";

const [url, provider, user, password, spki, shots] = process.argv.slice(2);

// atProvider signs in with the provider's own form.
async function atProvider(page) {
  await page.waitForURL((u) => u.origin === provider && u.pathname.startsWith("/login"));
  await page.locator("#username").fill(user);
  await page.locator("#password").fill(password);
  await page.getByRole("button", { name: "Login" }).click();
}

// deepLink: who is sent an address and is not signed in comes to that very address.
async function deepLink(ann) {
  const { page } = ann;
  await page.goto(`${url}/nodes?q=edge&sort=-name`);
  await page.waitForURL((u) => u.pathname === "/sign-in");
  await page.locator("#oidc-corp").waitFor();
  await ann.axe("the page of signing in, with a provider");
  await ann.shot("pages-sign-in-provider");
  await page.locator("#oidc-corp").click();
  await atProvider(page);
  await page.waitForURL((u) => u.origin === url && u.pathname === "/nodes");
  const at = new URL(page.url());
  check(at.searchParams.get("q") === "edge" && at.searchParams.get("sort") === "-name", `back from the provider one is at ${page.url()}`);
  await heading(page, "Nodes").waitFor();
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitem", { name: new RegExp(user) }).waitFor();
  await page.keyboard.press("Escape");
  // A developer hears of no changes: the page says that, and not that the server is away.
  await page.getByRole("status").filter({ hasText: "Not live" }).waitFor();
  check((await page.getByText("Offline").count()) === 0, "who may not watch is told that the server is away");
  await page.goto(`${url}/settings`);
  await page.getByText(/password with a second factor, passkey, corp/).waitFor();
}

// again: what needs a fresh factor sends whoever signed in there back there, and to the page where they were.
async function again(ann, world) {
  const { page } = ann;
  await world.outside("wait"); // until the factor of before is old
  await page.goto(`${url}/tokens`);
  await heading(page, "API tokens").waitFor();
  await page.getByRole("button", { name: "Make a token" }).first().click();
  const form = page.getByRole("dialog", { name: "Make a token" });
  await form.getByLabel("What it is for").fill("dashboard");
  await form.getByLabel("Scopes").fill("Read");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await settled(page);
  await form.getByRole("button", { name: "Make a token" }).click();
  const ask = page.getByRole("dialog", { name: "Show your second factor again" });
  await ask.getByRole("button", { name: /corp/ }).waitFor();
  await settled(page);
  await ann.axe("the question for a factor, with a provider", true);
  await ann.shot("console-step-up-provider");
  await ask.getByRole("button", { name: /corp/ }).click();
  await atProvider(page);
  await page.waitForURL((u) => u.origin === url && u.pathname === "/tokens");
  await heading(page, "API tokens").waitFor();
}

// refused: an answer that nobody waits for lets nobody in, and says so in the language and colours that were chosen.
async function refused(ann) {
  const { page } = ann;
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.locator("#oidc-corp").waitFor();
  for (const [lang, scheme, title] of [["en", "dark", "Not signed in"], ["zh", "light", "未登录"]]) {
    await cookie(page, url, "bulkhead-lang", lang);
    await cookie(page, url, "bulkhead-scheme", scheme);
    await page.goto(`${url}/sign-in`);
    await page.locator("#oidc-corp").click(); // it is begun, and another answer comes
    await page.waitForURL((u) => u.origin === provider);
    ann.quiet = true; // Chromium complains of the refusal
    await page.goto(`${url}/oidc/callback?state=made-up&code=made-up`);
    await heading(page, title).waitFor();
    await page.getByRole("alert").waitFor();
    await ann.axe(`a refused sign-in, ${lang}, ${scheme}`);
    await ann.fits(`a refused sign-in, ${lang}`);
    await ann.shot(`pages-refused${lang === "zh" ? "-zh" : ""}`);
    ann.quiet = false;
  }
  await page.locator("main").getByRole("link").click();
  await page.locator("#oidc-corp").waitFor();
}

await run({ url, spki, shots, also: [provider] }, async ({ person, outside }) => {
  const ann = await person("ann");
  for (const step of [deepLink, again, refused]) {
    await step(ann, { outside });
    console.log(`${step.name} is done`);
  }
});
