import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { renewing } from "./renew";

// A server whose answer says how often it was changed when a reading of it began, and whose readings end when they are told to.
function setup(wait?: (ms: number) => Promise<void>) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 30_000 } } });
  const server = { version: 0, begun: 0, ends: [] as ((err?: Error) => void)[] };
  const queryKey = ["Finding", "list"];
  const observer = new QueryObserver(client, {
    queryKey,
    queryFn: () => {
      const { version } = server;
      server.begun++;
      return new Promise<number>((resolve, reject) =>
        server.ends.push((err) => (err === undefined ? resolve(version) : reject(err))),
      );
    },
  });
  const stop = observer.subscribe(() => undefined);
  const renew = renewing(client, wait ?? (() => Promise.resolve()));
  return {
    client,
    server,
    queryKey,
    stop,
    shown: () => client.getQueryData<number>(queryKey),
    changed: () => {
      server.version++;
      renew((q) => q.queryKey[0] === "Finding");
    },
    end: async (err?: Error) => {
      server.ends.shift()?.(err);
      await settled();
    },
  };
}

const settled = () => new Promise((r) => setTimeout(r, 5));

test("a reading goes on while things change, and what changed meanwhile is read once more", async () => {
  const s = setup();
  await s.end();
  expect(s.shown()).toBe(0);
  s.changed();
  await settled();
  for (let i = 0; i < 5; i++) {
    s.changed();
    await settled();
  }
  expect(s.server.begun).toBe(2); // none was cancelled, none begun beside it
  await s.end();
  expect(s.shown()).toBe(1);
  expect(s.server.begun).toBe(3);
  await s.end();
  expect(s.shown()).toBe(6);
  await settled();
  expect(s.server.begun).toBe(3);
});

test("what changes during the first reading is not missed", async () => {
  const s = setup();
  s.changed();
  await settled();
  expect(s.server.begun).toBe(1);
  await s.end();
  expect(s.server.begun).toBe(2);
  await s.end();
  expect(s.shown()).toBe(1);
});

test("a reading that fails does not end the renewing", async () => {
  const s = setup();
  await s.end();
  s.changed();
  await settled();
  s.changed();
  await s.end(new Error("the server stops"));
  expect(s.server.begun).toBe(3);
  await s.end();
  expect(s.shown()).toBe(2);
  s.changed();
  await settled();
  await s.end();
  expect(s.shown()).toBe(3);
});

test("somebody who acts reads at once, and nothing is missed by that", async () => {
  const s = setup();
  await s.end();
  s.changed();
  await settled();
  s.changed();
  void s.client.invalidateQueries({ queryKey: s.queryKey }); // takes the place of the reading
  await settled();
  expect(s.server.begun).toBe(3);
  s.server.ends.shift();
  await s.end();
  expect(s.shown()).toBe(2);
  while (s.server.ends.length > 0) await s.end();
  expect(s.shown()).toBe(2);
});

test("a large list rests as long as it was read", async () => {
  const rests: number[] = [];
  let rested = () => {};
  const s = setup((ms) => {
    rests.push(ms);
    return new Promise((r) => {
      rested = r;
    });
  });
  await s.end();
  s.changed();
  await settled();
  await new Promise((r) => setTimeout(r, 60));
  await s.end();
  expect(rests[0]).toBeGreaterThan(50);
  s.changed();
  await settled();
  expect(s.server.begun).toBe(2);
  rested();
  await settled();
  expect(s.server.begun).toBe(3);
  await s.end();
  expect(s.shown()).toBe(2);
});

test("what nobody looks at is only known to be old", async () => {
  const s = setup();
  await s.end();
  s.stop();
  s.changed();
  await settled();
  expect(s.server.begun).toBe(1);
  expect(s.client.getQueryState(s.queryKey)?.isInvalidated).toBe(true);
});
