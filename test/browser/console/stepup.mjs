// What is dangerous, and asks for a second factor that was shown just now.
import { becomes, check } from "../lib.mjs";
import { grid, heading, settled } from "./shared.mjs";

// stepUp: what is dangerous asks for a fresh factor, and goes on by itself; who cancels has done nothing.
export async function stepUp(ann, { url, id, name }) {
  const { page } = ann;
  await page.goto(`${url}/nodes/${id}`);
  const act = async (what) => {
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name: what }).click();
    await page.getByRole("dialog").getByLabel(/Type/).fill(name);
    await page.getByRole("dialog").getByRole("button", { name: what }).click();
  };
  await act("Revoke identity");
  await page.getByText("revoked", { exact: true }).first().waitFor();
  await act("Delete");
  const again = page.getByRole("dialog", { name: "Show your second factor again" });
  await again.waitFor();
  await settled(page);
  await ann.axe("the question for a factor", true);
  await ann.shot("console-step-up");
  await again.getByRole("button", { name: "Cancel" }).click();
  check(await heading(page, name).isVisible(), "the node is gone without a factor");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await again.getByLabel(/Code of the/).fill("000000");
  await again.getByRole("button", { name: "Verify" }).click();
  await again.getByRole("alert").waitFor();
  // A key that nobody touches: one can stop waiting, show a code meanwhile, and try again.
  await ann.present(false);
  const use = again.getByRole("button", { name: "Use a passkey" });
  await use.click();
  await again.getByText("Waiting for the passkey").waitFor();
  await ann.axe("waiting for a passkey", true);
  await again.getByRole("button", { name: "Verify" }).click(); // the code of before
  await again.getByRole("alert").waitFor();
  await becomes(async () => (await again.getByText("Waiting for the passkey").count()) === 0, "the passkey is waited for while a code was shown");
  await use.click();
  await again.getByRole("button", { name: "Stop waiting" }).click();
  await ann.present(true);
  await use.click();
  await page.waitForURL((u) => u.pathname === "/nodes");
  await grid(page).getByRole("link").first().waitFor();
  await becomes(async () => (await grid(page).getByText(name).count()) === 0, "the node was not deleted");
}
