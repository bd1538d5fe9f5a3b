import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PoolSchema } from "@/gen/fleet_pb";
import { assessOf, formOf, isRight, pathsOf, stepsOf, wrongOf } from "./form";

const plain = formOf(create(PoolSchema, { id: "acme/default", name: "default" }));

test("a pool that nobody changed has nothing wrong and nothing to change", () => {
  expect(isRight(wrongOf(plain))).toBe(true);
  expect(pathsOf(plain, plain)).toEqual([]);
});

test("shares rise", () => {
  expect(stepsOf("5, 25, 100")).toEqual([5, 25, 100]);
  expect(stepsOf("")).toEqual([]);
  for (const bad of ["5, 5", "25, 5", "0", "101", "x", "1.5"]) expect(stepsOf(bad)).toBeUndefined();
});

test("settings of checks are an object", () => {
  expect(assessOf(" ")).toEqual({});
  expect(assessOf('{"restart_max": 3}')).toEqual({ restart_max: 3 });
  for (const bad of ["[", "[]", "3", "null"]) expect(assessOf(bad)).toBeUndefined();
});

test("what is wrong is found where it stands", () => {
  expect(wrongOf({ ...plain, collect: "5s" }).collect).toBe(true);
  expect(wrongOf({ ...plain, collect: "2h" }).collect).toBe(true);
  expect(wrongOf({ ...plain, soak: "8d" }).soak).toBe(true);
  expect(wrongOf({ ...plain, failures: 101 }).failures).toBe(true);
  const windows = [
    { key: 1, begins: "0 2 * *", lasts: "1h", zone: "" },
    { key: 2, begins: "0 2 * * 6", lasts: "5s", zone: "" },
    { key: 3, begins: "0 2 * * 6", lasts: "4h", zone: "Europe/Berlin" },
  ];
  expect([...wrongOf({ ...plain, windows }).windows]).toEqual([
    [1, "begins"],
    [2, "lasts"],
  ]);
});

test("only what differs is changed", () => {
  expect(pathsOf(plain, { ...plain, collect: "1m" })).toEqual(["settings"]);
  expect(pathsOf(plain, { ...plain, back: true, description: "x" })).toEqual(["description", "plan"]);
});
