import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { auth } from "./clients";
import { Cancelled } from "./errors";
import { NoPasskey, showPasskey } from "./passkey";

vi.mock("./clients", () => ({ auth: { beginFactor: vi.fn(), finishFactor: vi.fn() } }));

class Answer {
  clientDataJSON = new Uint8Array([1]).buffer;
  authenticatorData = new Uint8Array([2]).buffer;
  signature = new Uint8Array([251]).buffer;
  userHandle = null;
}
class Credential {
  id = "k";
  rawId = new Uint8Array([3]).buffer;
  type = "public-key";
  response = new Answer();
}

const get = vi.fn<(o: CredentialRequestOptions) => Promise<unknown>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("PublicKeyCredential", Credential);
  vi.stubGlobal("AuthenticatorAssertionResponse", Answer);
  vi.stubGlobal("navigator", { credentials: { get } });
  const options = { publicKey: { challenge: "AQ", timeout: 300_000 } };
  vi.mocked(auth.beginFactor).mockResolvedValue({ id: "c", options } as never);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

test("a passkey that answers is sent to the server", async () => {
  get.mockResolvedValue(new Credential());
  await showPasskey(new AbortController().signal);
  expect(vi.mocked(auth.finishFactor).mock.calls[0]?.[0]).toMatchObject({
    id: "c",
    response: { id: "k", response: { signature: "-w" } },
  });
  expect(vi.getTimerCount()).toBe(0);
});

test("one that never answers, and heeds nothing, is given up after a minute", async () => {
  get.mockReturnValue(new Promise(() => undefined));
  const shown = showPasskey(new AbortController().signal);
  const failed = expect(shown).rejects.toBeInstanceOf(NoPasskey);
  await vi.advanceTimersByTimeAsync(59_000);
  const asked = get.mock.calls[0]?.[0];
  expect(asked?.signal?.aborted).toBe(false);
  expect(asked?.publicKey?.timeout).toBe(60_000); // not the server's five minutes
  await vi.advanceTimersByTimeAsync(1_000);
  await failed;
  expect(asked?.signal?.aborted).toBe(true);
  expect(auth.finishFactor).not.toHaveBeenCalled();
});

test("who stops waiting is free at once", async () => {
  get.mockReturnValue(new Promise(() => undefined));
  const control = new AbortController();
  const shown = showPasskey(control.signal);
  const failed = expect(shown).rejects.toBeInstanceOf(Cancelled);
  await vi.advanceTimersByTimeAsync(10);
  control.abort();
  await failed;
  expect(get.mock.calls[0]?.[0].signal?.aborted).toBe(true);
});

test("what browsers say where a person cancels means that none was shown", async () => {
  get.mockRejectedValue(new DOMException("not allowed", "NotAllowedError"));
  await expect(showPasskey(new AbortController().signal)).rejects.toBeInstanceOf(NoPasskey);
  get.mockRejectedValue(new DOMException("wrong host", "SecurityError"));
  await expect(showPasskey(new AbortController().signal)).rejects.toMatchObject({ name: "SecurityError" });
});
