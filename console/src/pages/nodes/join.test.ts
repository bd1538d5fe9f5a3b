import { expect, test, vi } from "vitest";

vi.mock("@/api/clients", () => ({}));
const { joinCommand } = await import("./Join");

test("the command is safe to paste, whatever the address has", () => {
  expect(joinCommand("https://a:8443#ca=sha256:00; rm -rf '", "bhj_x")).toBe(
    "sudo sh -c 'umask 077; echo bhj_x > /root/join.token'\n" +
      "sudo bulkhead agent --join 'https://a:8443#ca=sha256:00; rm -rf '\\''' --token-file /root/join.token",
  );
});
