// Policies are written, checked, proposed, approved by a second person, rolled back and asked; access is given for a time.
import { becomes, check } from "../lib.mjs";
import { factored, grid, open, settled } from "./shared.mjs";

const editor = (p) => p.locator(".cm-content").first();
const of = "tenant=acme";

const pages = [
  { name: "policies", at: `/policies?${of}&file=night.cedar`, raw: true, ready: (p) => editor(p).waitFor() },
  { name: "policies-edit", at: `/policies/edit?${of}`, raw: true, ready: (p) => editor(p).waitFor() },
  { name: "policies-new", at: "/policies/edit?tenant=globex", ready: (p) => p.getByRole("heading", { level: 2 }).first().waitFor() },
  { name: "policies-proposals", at: `/policies/proposals?${of}`, ready: (p) => grid(p).getByRole("link").first().waitFor() },
  { name: "policies-proposal", at: (w) => `/policies/proposals/${w.ids.proposal}?${of}`, raw: true, ready: (p) => editor(p).waitFor() },
  { name: "policies-version", at: `/policies/versions/2?${of}&with=1`, raw: true, ready: (p) => editor(p).waitFor() },
  {
    name: "policies-ask",
    at: `/policies/ask?${of}&q=who&action=PolicyApply&type=Tenant&id=acme`,
    raw: true,
    ready: (p) => p.getByRole("table").first().waitFor(),
  },
  { name: "access", at: "/access", ready: (p) => p.getByText("TenantDelete").first().waitFor() },
];

async function write(page, name, text) {
  await page.getByRole("region", { name: "Files" }).getByRole("button", { name: new RegExp(`^${name}`) }).click();
  const box = page.getByRole("textbox", { name: `Text of ${name}` });
  await box.focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete"); // Chromium would take the colours over by inline styles, which the policy refuses
  await page.keyboard.insertText(text);
  return box;
}

const good = `// Who may restart the shop at night.
@id("night-shift")
@reason("the night shift restarts the shop's containers")
permit (
  principal in Bulkhead::Role::"operator",
  action in [Bulkhead::Action::"ContainerRestart", Bulkhead::Action::"ContainerStop"],
  resource is Bulkhead::Container
)
when { resource has image && resource.image like "registry.example/shop/*" };
`;

async function propose(ann, note) {
  const { page } = ann;
  await page.getByText("Every file fits the schema.").waitFor();
  await page.getByRole("button", { name: "Propose…" }).click();
  const dialog = page.getByRole("dialog", { name: "Propose these policies?" });
  await dialog.getByText(/decisions? of the last week/).waitFor();
  await dialog.getByLabel("Why").fill(note);
  await settled(page);
  await ann.axe("the dialogue of a proposal", true);
  await ann.shot("console-policies-propose");
  await dialog.getByRole("button", { name: "Propose", exact: true }).click();
  await page.waitForURL(/\/policies\/proposals\/[0-9a-f-]+/);
  await page.getByText("It waits for another person").waitFor();
  return page.url().match(/proposals\/([0-9a-f-]+)/)[1];
}

// writing: what is wrong is shown at its line while one types; the draft is there again after leaving; Tab leaves the editor.
async function writing(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/policies/edit?${of}`);
  await editor(page).waitFor();
  await write(page, "night.cedar", `${good}\n@id("broken")\n@reason("x")\npermit (principal, action == Bulkhead::Action::"Nonsense", resource);\n`);
  await page.locator(".cm-lint-marker-error").first().waitFor();
  const place = page.getByRole("button", { name: /^night\.cedar:1\d$/ });
  await place.first().waitFor();
  check(await page.getByRole("button", { name: "Propose…" }).isDisabled(), "a draft with problems can be proposed");
  await ann.axe("an editor with a problem", true);
  await ann.shot("console-policies-problem");
  await place.first().click();
  await becomes(() => page.evaluate(() => document.activeElement.classList.contains("cm-content")), "a problem does not lead into the editor");
  await write(page, "night.test.yaml", "tests:\n  - name: wrong\n    principal: {id: nina, roles: [operator]}\n    action: ContainerStop\n    resource: {type: Container, id: db}\n    expect: allow\n");
  const box = await write(page, "night.cedar", good);
  await page.getByText("0 of 1 test passed").waitFor();
  await page.keyboard.press("Tab");
  check(await box.evaluate((el) => !el.contains(document.activeElement)), "Tab does not leave the editor");
  await write(page, "night.test.yaml", "tests:\n  - name: the night shift stops the shop\n    principal: {id: nina, roles: [operator]}\n    action: ContainerStop\n    resource: {type: Container, id: web, attrs: {image: registry.example/shop/web:1}}\n    expect: allow\n");
  await page.getByText("1 of 1 test passed").waitFor();
  await page.goto(`${world.url}/policies?${of}`);
  await page.getByRole("link", { name: "Edit policies" }).click();
  await page.getByText("1 of 1 test passed").waitFor();
  check((await editor(page).innerText()).includes("ContainerStop"), "the draft was not kept");
}

// secondPerson: nobody approves the own proposal; another does, and the first one's page shows it by itself.
async function secondPerson(ann, world) {
  const { page } = ann;
  const id = await propose(ann, "the night shift also stops containers");
  check((await page.getByRole("button", { name: "Approve…" }).count()) === 0, "who proposed can approve");
  const pia = await world.person("pia");
  await pia.enrol(await world.outside("link pia"), "nine herons over antwerp");
  await pia.page.getByText("proposes policies for acme").waitFor();
  await pia.page.getByRole("link", { name: /proposes policies for acme/ }).click();
  await pia.page.getByText("1 of 1 test passed").waitFor();
  await pia.page.getByRole("button", { name: "Approve…" }).click();
  const dialog = pia.page.getByRole("dialog", { name: "Put what was proposed into force?" });
  await dialog.getByLabel("Reason").fill("as agreed");
  await settled(pia.page);
  await pia.axe("the dialogue of an approval", true);
  await dialog.getByRole("button", { name: "Approve and apply" }).click();
  await factored(pia.page, pia.page.getByText("approved", { exact: true }).first());
  await pia.close();
  await page.getByText("approved", { exact: true }).first().waitFor(); // by the watch stream
  await page.goto(`${world.url}/policies?${of}`);
  await page.getByText("Version 3").first().waitFor();
  await page.getByRole("region", { name: "In force in acme" }).getByRole("link", { name: "pia" }).click();
  await page.waitForURL(new RegExp(id));
}

// back: an earlier version comes into force again, after it was shown what that does.
async function back(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/policies/versions/1?${of}`);
  await page.getByRole("button", { name: "Roll back to this…" }).click();
  const dialog = page.getByRole("dialog", { name: "Put this version into force again?" });
  await dialog.getByText(/decisions? of the last week/).waitFor();
  await settled(page);
  await ann.axe("the dialogue of a rollback", true);
  await dialog.getByRole("button", { name: "Roll back", exact: true }).click();
  await factored(page, page.getByText("Version 4 is in force."));
}

// asking: the answer names the policies that decide and leads to their lines.
async function asking(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/policies/ask?${of}`);
  await page.getByRole("combobox", { name: "Action" }).fill("PolicyApply");
  await page.getByRole("option", { name: "PolicyApply" }).click();
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByRole("cell", { name: "olga (acme)" }).waitFor();
  check(page.url().includes("action=PolicyApply"), `the address has no question: ${page.url()}`);
  await page.getByRole("radiogroup", { name: "Question" }).getByText("Why", { exact: true }).click();
  await page.getByLabel("User").fill("tom");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByText("refused", { exact: true }).waitFor();
  await page.goto(`${world.url}/policies/ask?${of}&q=who&action=PolicyApply&type=Tenant&id=acme`);
  await page.getByRole("link", { name: "owner/own-tenant" }).first().click();
  await page.locator(".cm-here").filter({ hasText: "own-tenant" }).waitFor();
}

// access: what somebody asked for is approved; one's own is asked for and taken back.
async function access(ann, world) {
  const { page } = ann;
  await page.goto(`${world.url}/access`);
  await page.getByRole("button", { name: "Approve: AuditExport acme" }).click();
  const dialog = page.getByRole("dialog", { name: "Approve the request?" });
  await dialog.getByLabel("For the one who asked").fill("until noon");
  await settled(page);
  await ann.axe("the dialogue of an approval of access", true);
  await dialog.getByRole("button", { name: "Approve", exact: true }).click();
  await factored(page, page.getByRole("button", { name: "End: AuditExport acme" }));
  await page.getByRole("button", { name: "Ask for access" }).click();
  const ask = page.getByRole("dialog", { name: "Ask for access" });
  await ask.getByRole("combobox", { name: "Action" }).fill("TenantDelete");
  await page.getByRole("option", { name: "TenantDelete" }).click();
  await ask.getByLabel("Id of the object").fill("globex");
  await ask.getByLabel("Why").fill("the contract ended");
  await ask.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByRole("button", { name: "Withdraw: TenantDelete globex" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await page.getByText("ended early", { exact: true }).first().waitFor();
}

// waiting leaves a proposal for the pictures.
async function waiting(ann, world) {
  const { page } = ann;
  await open(world, page, pages.find((p) => p.name === "policies-edit"));
  await write(page, "night.cedar", good);
  world.ids.proposal = await propose(ann, "the night shift also stops containers, once more");
}

export default { pages, flows: [writing, secondPerson, back, asking, access, waiting] };
