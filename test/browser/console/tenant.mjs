// A tenant's person sees the tenant, comes back to a deep link after signing in, and is out as soon as the session is revoked.
import { check } from "../lib.mjs";
import { grid } from "./shared.mjs";

// tenant: an auditor of acme sees acme, comes back to a deep link after signing in, and is out as soon as the session is revoked.
export async function tenant(tom, world) {
  const { page } = tom;
  await tom.enrol(world.auditorLink, "seven owls over bruges");
  await page.getByText(/of 29 requirements/).waitFor();
  check((await page.getByLabel("Tenant", { exact: true }).count()) === 0, "an auditor of a tenant can choose others");
  await page.goto(`${world.url}/nodes`);
  await grid(page).getByRole("link", { name: "edge-01" }).waitFor();
  check((await grid(page).getByText("plane-02").count()) === 0, "a node of another tenant is shown");
  await page.getByRole("button", { name: "Account, language and appearance" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.locator("#signin-form").waitFor();
  await page.goto(`${world.url}/nodes?q=edge&sort=-name`);
  await page.locator("#signin-passkey").click();
  await page.waitForURL(/\/nodes\?/);
  await page.getByRole("status").filter({ hasText: "2 of" }).waitFor();
  await world.outside("revoke tom");
  await page.waitForURL(/\/sign-in/);
  check(new URL(page.url()).searchParams.get("next")?.startsWith("/nodes?") ?? false, `after the end the way back is ${page.url()}`);
}
