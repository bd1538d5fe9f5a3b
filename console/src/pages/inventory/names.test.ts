import { expect, test } from "vitest";
import { imageName, portName } from "./names";

test("an image has as much of its name as tells it apart", () => {
  const digest = "b2".repeat(32);
  expect(imageName(`registry.example.net:5000/shop/web:1.2@sha256:${digest}`)).toBe("shop/web:1.2@sha256:b2b2b2b2");
  expect(imageName(`sha256:${digest}`)).toBe("b2b2b2b2b2b2");
  expect(imageName("nginx:1")).toBe("nginx:1");
});

test("a port says what is not as usual", () => {
  expect(["*:8443->80/tcp", "0.0.0.0:80->8080/tcp", "[::]:80->8080/tcp", ":::80->8080/tcp"].map(portName)).toEqual([
    "8443→80",
    "80→8080",
    "80→8080",
    "80→8080",
  ]);
  expect(portName("127.0.0.1:53->53/udp")).toBe("127.0.0.1:53→53/udp");
  expect(portName("[::1]:80->8080/tcp")).toBe("[::1]:80→8080");
  expect(portName("\u202e80")).not.toContain("\u202e");
});
