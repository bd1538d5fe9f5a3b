import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ErrorDetailSchema } from "@/gen/common_pb";
import { problemOf } from "./errors";

test("the detail of an error is read", () => {
  const err = new ConnectError("no policy permits it", Code.PermissionDenied);
  const value = toBinary(
    ErrorDetailSchema,
    create(ErrorDetailSchema, { code: "denied", remediation: "Ask an owner.", record: "a/7", policies: ["p1"] }),
  );
  err.details = [{ type: "bulkhead.v1.ErrorDetail", value }];
  expect(problemOf(err)).toEqual({
    code: "denied",
    message: "no policy permits it",
    remedy: "Ask an owner.",
    record: "a/7",
    policies: ["p1"],
    field: "",
  });
});

test("an error without detail has the code of the protocol", () => {
  expect(problemOf(new ConnectError("gone", Code.Unavailable)).code).toBe("unavailable");
  expect(problemOf(new ConnectError("x", Code.Unimplemented)).code).toBe("unimplemented");
});

test("a server that is not reached is the network's fault, and a defect is ours", () => {
  expect(problemOf(ConnectError.from(new TypeError("Failed to fetch"))).code).toBe("network");
  expect(problemOf(new RangeError("x")).code).toBe("console");
});
