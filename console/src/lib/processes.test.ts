import { expect, test } from "vitest";
import { mostProcesses, type Process, processesOf } from "./processes";

const lines = (of: Process[], depth = 0): string[] =>
  of.flatMap((p) => [`${"  ".repeat(depth)}${p.pid}${p.outside ? " outside" : ""} ${p.command}`, ...lines(p.children, depth + 1)]);

const host = [
  { pid: 1, uid: 0, command: ["/sbin/init"] },
  { pid: 50, ppid: 1, uid: 0, name: "shim", command: [] },
  { pid: 60, ppid: 50, uid: 33, command: ["sh", "-c", "<b>x</b>"], container: "c1" },
  { pid: 61, ppid: 60, uid: 33, command: ["nc"], container: "c1" },
  { pid: 70, ppid: 50, uid: 0, command: ["other"], container: "c2" },
];

test("a container's processes stand below what started them", () => {
  const users = [{ name: "root", uid: 0 }];
  const found = processesOf({ host: { processes: host, users }, containers: [{ id: "c1", name: "web" }] }, "web", [
    "/containers/9/state",
  ]);
  const shim = found?.roots[0]?.children[0];
  expect([shim?.user, shim?.children[0]?.user]).toEqual(["root", "uid 33"]);
  expect(found?.tree).toBe(true);
  expect(lines(found?.roots ?? [])).toEqual(["1 outside /sbin/init", "  50 outside shim", "    60 sh -c <b>x</b>", "      61 nc"]);
  expect(found?.roots[0]?.children[0]?.children[0]?.pointer).toBe("/host/processes/2");
});

test("where parents are not known it is a list, and says so", () => {
  const containers = [
    { id: "c0", name: "db" },
    { id: "c1", name: "web", processes: [{ pid: 4, user: "u", command: "/app" }] },
  ];
  const found = processesOf({ host: { processes: host.slice(0, 2) }, containers }, "web", []);
  expect(found).toMatchObject({ container: "web", tree: false, more: false });
  expect(found?.roots).toEqual([
    { pid: 4, user: "u", command: "/app", pointer: "/containers/1/processes/0", outside: false, children: [] },
  ]);
});

test("a process of the host has its ancestors", () => {
  const found = processesOf({ host: { processes: host } }, "nc", ["/host/processes/3/command"]);
  expect(found?.container).toBe("");
  expect(lines(found?.roots ?? []).at(-1)).toBe("      61 nc");
});

test("what is about no process has none", () => {
  for (const of of [undefined, {}, { containers: [] }, { host: { processes: host } }])
    expect(processesOf(of, "web", ["/host/kernel", "/containers/0/x", "/host/processes/99"])).toBeUndefined();
});

test("processes that are their own ancestors end, and are all there", () => {
  const loop = [
    { pid: 5, ppid: 7, command: ["a"], container: "c" },
    { pid: 6, ppid: 5, command: ["b"], container: "c" },
    { pid: 7, ppid: 6, command: ["c"], container: "c" },
    { pid: 8, ppid: 8, command: ["d"], container: "c" },
  ];
  const found = processesOf({ host: { processes: loop }, containers: [{ id: "c", name: "x" }] }, "x", []);
  expect(lines(found?.roots ?? [])).toEqual(["5 a", "  6 b", "    7 c", "8 d"]);
});

test("no more are shown than a page holds", () => {
  const many = Array.from({ length: 2 * mostProcesses }, (_, i) => ({ pid: i + 1, ppid: i, command: ["x"], container: "c" }));
  const found = processesOf({ host: { processes: many }, containers: [{ id: "c", name: "x" }] }, "x", []);
  expect(lines(found?.roots ?? []).length).toBe(mostProcesses);
  expect(found?.more).toBe(true);
});
