import { create } from "@bufbuild/protobuf";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { I18nextProvider } from "react-i18next";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userSessions } from "@/api/directory";
import { SessionSchema } from "@/gen/account_pb";
import { UserSchema } from "@/gen/directory_pb";
import { needTexts, startTexts } from "@/texts";
import { Sessions } from "./User";

const agents = [
  `<img src=x onerror="document.title='owned'">`,
  "\u202etxt.exe\u200b",
  "\u001b]0;owned\u0007<script>document.title='owned'</script>",
  "javascript:alert(1)",
];

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("what a browser calls itself is text, and none of it is hidden", async () => {
  const texts = await startTexts("en");
  await needTexts(texts, ["directory"]);
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY } } });
  client.setQueryData(
    userSessions("u1").queryKey,
    agents.map((userAgent, i) => create(SessionSchema, { id: `s${i}`, userAgent, address: "192.0.2.1" })),
  );
  const page = document.body.appendChild(document.createElement("div"));
  const root = createRoot(page);
  await act(async () =>
    root.render(
      createElement(
        I18nextProvider,
        { i18n: texts },
        createElement(
          MantineProvider,
          null,
          createElement(QueryClientProvider, { client }, createElement(Sessions, { u: create(UserSchema, { id: "u1" }) })),
        ),
      ),
    ),
  );
  expect([...page.querySelectorAll("tbody tr")].map((row) => row.querySelector("td")?.textContent)).toEqual([
    agents[0],
    "\\u202etxt.exe\\u200b",
    "\\u001b]0;owned\\u0007<script>document.title='owned'</script>",
    agents[3],
  ]);
  expect(page.querySelector("img, script, a, [onerror]")).toBeNull();
  expect(document.title).toBe("");
  await act(async () => root.unmount());
  client.clear();
});
