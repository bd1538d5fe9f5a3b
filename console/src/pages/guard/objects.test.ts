import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { GuardCallSchema } from "@/gen/guard_pb";
import { isOfEngine, objectName, pageOf } from "./objects";

const id = "0123456789abcdef".repeat(4);
const call = (type: string, object: string, name = "", node = "n1") =>
  create(GuardCallSchema, { node, name, resource: { type, id: object } });

test("what the inventory has is linked to it, and nothing else", () => {
  expect(pageOf(call("Container", id))).toEqual({ to: "/containers/$node/$id", params: { node: "n1", id } });
  expect(pageOf(call("Image", `sha256:${id}`))?.to).toBe("/images/$node/$id");
  expect(pageOf(call("Network", "k6x1w0c9l2d3e4f5g6h7i8j9k"))?.to).toBe("/networks/$node/$id");
  expect(pageOf(call("Container", "n1/web"))).toBeUndefined(); // was to be made
  expect(pageOf(call("Container", id, "", ""))).toBeUndefined(); // of no node
  expect(pageOf(call("Volume", "n1/data"))).toBeUndefined();
  expect(pageOf(call("Container", "../../x"))).toBeUndefined();
  expect(pageOf(call("constructor", id))).toBeUndefined();
});

test("an object has the name of the call, or as much of its id as tells it apart", () => {
  expect(objectName(call("Container", id, "web"))).toBe("web");
  expect(objectName(call("Container", id))).toBe("0123456789ab");
  expect(objectName(call("Image", `sha256:${id}`))).toBe("0123456789ab");
  expect(objectName(call("Volume", "n1/data"))).toBe("data");
  expect(objectName(call("Host", "n1/"))).toBe("n1/");
  expect(objectName({ ...call("Host", "n1"), nodeName: "edge-01" })).toBe("edge-01");
  expect(objectName(create(GuardCallSchema, {}))).toBe("");
});

test("requests for things of an engine are told apart from others", () => {
  expect(["Container", "Image", "Volume", "Host"].every(isOfEngine)).toBe(true);
  expect([undefined, "", "Tenant", "User", "Repository"].some(isOfEngine)).toBe(false);
});
