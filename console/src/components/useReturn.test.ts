import { beforeEach, expect, test } from "vitest";
import { goBack, waysBack } from "./useReturn";

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

beforeEach(() => {
  document.body.innerHTML = `
    <main id="main" tabindex="-1">
      <div role="group"><input id="words" /><button id="act">Act</button></div>
      <section><button id="menu">More</button></section>
    </main>
    <div role="menu" aria-labelledby="menu"><button id="item">Delete</button></div>`;
});

test("the focus goes back to what opened a dialogue", () => {
  goBack(waysBack(find("act")));
  expect(document.activeElement?.id).toBe("act");
});

test("an item of a menu, which is gone, leads to the menu's button", () => {
  const ways = waysBack(find("item"));
  find("item").remove();
  goBack(ways);
  expect(document.activeElement?.id).toBe("menu");
});

test("where a button is gone after what it did, its group goes on; where that is gone, too, the page", () => {
  const ways = waysBack(find("act"));
  find("act").remove();
  goBack(ways);
  expect(document.activeElement?.id).toBe("words");
  find("words").parentElement?.remove();
  goBack(ways);
  expect(document.activeElement?.id).toBe("main");
});

test("a button that can't be used any more is no way back", () => {
  const ways = waysBack(find("act"));
  (find("act") as HTMLButtonElement).disabled = true;
  goBack(ways);
  expect(document.activeElement?.id).toBe("words");
});
