import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ChangeSchema } from "@/gen/operations_pb";
import { changedSince, hear, type Told, tell } from "./changes";

const change = create(ChangeSchema, { cursor: "1" });

test("a change is known of also to who asks later, and the beginning of a stream is none", () => {
  tell("begins", 10);
  expect(changedSince(5)).toBe(false);
  tell(change, 20);
  expect(changedSince(19)).toBe(true);
  expect(changedSince(20)).toBe(false);
  tell("begins", 30);
  expect(changedSince(20)).toBe(false);
  tell("missed", 40);
  expect(changedSince(39)).toBe(true);
});

test("who hears is told of all until they stop", () => {
  const told: Told[] = [];
  const stop = hear((t) => told.push(t));
  tell("begins");
  tell(change);
  stop();
  tell(change);
  expect(told).toEqual(["begins", change]);
});
