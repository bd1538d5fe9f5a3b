import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useReplace } from "./useReplace";

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("scrollTo", () => {});
});
afterEach(() => vi.unstubAllGlobals());

let choose = async (_q: string) => {};

function Choosing() {
  const replace = useReplace() as (o: object) => Promise<void>;
  choose = (q) => replace({ to: "/of/$id", params: { id: "a b:c" }, search: { q } });
  return null;
}

/** A page /of/$id on which something can be chosen, and another that loads until it is let in. */
async function pages() {
  let letIn = () => {};
  const root = createRootRoute();
  const of = createRoute({ getParentRoute: () => root, path: "/of/$id", component: Choosing });
  const slow = createRoute({
    getParentRoute: () => root,
    path: "/slow",
    loader: () => new Promise<void>((done) => (letIn = done)),
    component: () => null,
  });
  const router = createRouter({
    routeTree: root.addChildren([of, slow]),
    history: createMemoryHistory({ initialEntries: ["/of/a%20b%3Ac"] }),
    defaultPendingMs: 10_000,
  });
  const app = createRoot(document.createElement("div"));
  // biome-ignore lint/suspicious/noExplicitAny: it is not the console's router
  await act(async () => app.render(createElement(RouterProvider, { router: router as any })));
  return {
    router,
    choose: (q: string) => act(() => choose(q)),
    go: () => act(async () => router.history.push("/slow")),
    letIn: () => act(async () => letIn()),
    close: () => act(async () => app.unmount()),
  };
}

test("a choice takes the place of the one before", async () => {
  const p = await pages();
  for (const q of ["x", "y"]) {
    await p.choose(q);
    expect(p.router.state.location.search).toEqual({ q });
  }
  expect(p.router.history.length).toBe(1);
  await p.close();
});

test("a choice does not pull back who is on the way to another page", async () => {
  const p = await pages();
  await p.go();
  await p.choose("x");
  await p.letIn();
  expect(p.router.state.location.href).toBe("/slow");
  expect(p.router.state.matches.at(-1)?.pathname).toBe("/slow");
  await p.close();
});
