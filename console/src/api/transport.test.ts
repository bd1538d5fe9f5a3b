import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { beforeEach, expect, test, vi } from "vitest";
import { AuthService } from "@/gen/auth_pb";
import { ErrorDetailSchema } from "@/gen/common_pb";
import { SystemService } from "@/gen/operations_pb";
import { answerWith, ended, isCancelled, stepUp } from "./transport";

function refusal(code: string, connect: Code): ConnectError {
  const err = new ConnectError(code, connect);
  err.details = [{ type: "bulkhead.v1.ErrorDetail", value: toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { code })) }];
  return err;
}

let fresh = false;
let calls = 0;
const client = createClient(
  SystemService,
  createRouterTransport(
    ({ service }) =>
      service(SystemService, {
        getInfo: () => {
          calls++;
          if (!fresh) throw refusal("step_up_required", Code.PermissionDenied);
          return { version: "v1" };
        },
      }),
    { transport: { interceptors: [ended, stepUp] } },
  ),
);

beforeEach(() => {
  fresh = false;
  calls = 0;
});

test("a refused call is made again after the factor was shown, and the person is asked once for many", async () => {
  const ask = vi.fn(async () => {
    await new Promise((r) => setTimeout(r, 20));
    fresh = true;
    return true;
  });
  answerWith({ stepUp: ask, signIn: () => undefined });
  const all = await Promise.all([client.getInfo({}), client.getInfo({}), client.getInfo({})]);
  expect(all.map((i) => i.version)).toEqual(["v1", "v1", "v1"]);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(calls).toBe(6);
});

test("a person who does not want to gets no error, and the call is not repeated", async () => {
  answerWith({ stepUp: () => Promise.resolve(false), signIn: () => undefined });
  const err = await client.getInfo({}).catch((e: unknown) => e);
  expect(isCancelled(err)).toBe(true);
  expect(calls).toBe(1);
});

test("who shows a factor that does not help is told, not asked for ever", async () => {
  const ask = vi.fn(() => Promise.resolve(true));
  answerWith({ stepUp: ask, signIn: () => undefined });
  await expect(client.getInfo({})).rejects.toThrow("step_up_required");
  expect(ask).toHaveBeenCalledTimes(1);
});

test("a session that is over leads to the page of signing in", async () => {
  const signIn = vi.fn();
  answerWith({ stepUp: () => Promise.resolve(false), signIn });
  const over = createClient(
    SystemService,
    createRouterTransport(
      ({ service }) =>
        service(SystemService, {
          getInfo: () => {
            throw refusal("unauthenticated", Code.Unauthenticated);
          },
        }),
      { transport: { interceptors: [ended, stepUp] } },
    ),
  );
  await expect(over.getInfo({})).rejects.toThrow();
  expect(signIn).toHaveBeenCalledTimes(1);
});

test("a wrong code is told where it was asked for, and ends no session", async () => {
  const signIn = vi.fn();
  answerWith({ stepUp: () => Promise.resolve(false), signIn });
  const auth = createClient(
    AuthService,
    createRouterTransport(
      ({ service }) =>
        service(AuthService, {
          verifyCode: () => {
            throw refusal("unauthenticated", Code.Unauthenticated);
          },
        }),
      { transport: { interceptors: [ended, stepUp] } },
    ),
  );
  await expect(auth.verifyCode({ code: "000000" })).rejects.toThrow();
  expect(signIn).not.toHaveBeenCalled();
});

test("a call that was on its way while a factor was shown is made again, and nobody signs in again", async () => {
  const signIn = vi.fn();
  answerWith({ stepUp: () => Promise.resolve(false), signIn });
  let anew = false;
  const router = createRouterTransport(
    ({ service }) => {
      service(AuthService, {
        verifyCode: async () => {
          await new Promise((r) => setTimeout(r, 20)); // the old secret is refused before the new one is here
          anew = true;
          return {};
        },
      });
      service(SystemService, {
        getInfo: () => {
          if (!anew) throw refusal("unauthenticated", Code.Unauthenticated);
          return { version: "v1" };
        },
      });
    },
    { transport: { interceptors: [ended, stepUp] } },
  );
  const shown = createClient(AuthService, router).verifyCode({ code: "123456" });
  expect((await createClient(SystemService, router).getInfo({})).version).toBe("v1");
  await shown;
  expect(signIn).not.toHaveBeenCalled();
});
