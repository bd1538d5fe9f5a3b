import { expect, test } from "vitest";
import { workloadOf } from "./fact";
import { reachOf } from "./reach";
import { stateOf } from "./risks";

test("whatever a node sends is read without falling over", () => {
  for (const evil of [
    undefined,
    null,
    1,
    "x",
    [],
    { workload: 7 },
    { workload: { mounts: "x", limits: [], cap_add: [1, {}] }, processes: {} },
  ]) {
    expect(workloadOf(evil)).toMatchObject({ mounts: [], capAdd: [], processes: [], cpus: 0, command: "" });
  }
});

test("what a container may do is read from its fact", () => {
  const w = workloadOf({
    workload: {
      mounts: [
        { type: "bind", source: "/run/x", resolved: "/run/docker.sock", target: "/s", read_only: false, engine_socket: true },
      ],
      cap_add: ["CAP_NET_ADMIN"],
      read_only_root: true,
      entrypoint: ["/bin/web"],
      args: ["-v"],
      limits: { nano_cpus: 1500000000, pids: 9 },
    },
    changes_total: 3,
  });
  expect(w.mounts).toEqual([{ type: "bind", source: "/run/docker.sock", target: "/s", readOnly: false, socket: true }]);
  expect(w).toMatchObject({
    capAdd: ["CAP_NET_ADMIN"],
    readOnlyRoot: true,
    command: "/bin/web -v",
    cpus: 1.5,
    pids: 9,
    changes: 3,
  });
});

test("a network is called by what matters most", () => {
  const n = { driver: "bridge", internal: false, encrypted: false, talk: "yes" };
  expect(reachOf(n)).toBe("open");
  expect(reachOf({ ...n, talk: "no" })).toBe("closed");
  expect(reachOf({ ...n, internal: true })).toBe("internal");
  expect(reachOf({ ...n, driver: "overlay" })).toBe("clear");
  expect(reachOf({ ...n, driver: "overlay", encrypted: true })).toBe("encrypted");
  expect(reachOf({ ...n, driver: "strange", talk: "" })).toBe("other");
  expect(reachOf({ ...n, gone: {} })).toBe("gone");
});

test("a state that nobody knows is one", () => {
  expect(stateOf({ state: "running" })).toBe("running");
  expect(stateOf({ state: "<b>" })).toBe("other");
  expect(stateOf({ state: "running", gone: {} })).toBe("gone");
});
