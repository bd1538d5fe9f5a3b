"use strict";
(() => {
  const $ = (s, in_ = document) => Array.from(in_.querySelectorAll(s));
  const form = document.getElementById("filters");
  const cards = $("details.card");
  const texts = new Map(cards.map((c) => [c, c.textContent.toLowerCase()]));

  const filter = () => {
    const words = document.getElementById("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = (name) => $(`input[name="${name}"]:checked`, form).map((i) => i.value);
    const groups = ["status", "keyword", "clause", "severity"].map((n) => [n, chosen(n)]).filter(([, v]) => v.length);
    let shown = 0;
    for (const c of cards) {
      const ok = words.every((w) => texts.get(c).includes(w)) &&
        groups.every(([n, v]) => c.dataset[n].split(" ").some((x) => v.includes(x)));
      c.hidden = !ok;
      shown += ok ? 1 : 0;
    }
    for (const s of $("section.clause")) s.hidden = !$("details.card:not([hidden])", s).length;
    document.getElementById("shown").textContent = String(shown);
    document.getElementById("nothing").hidden = shown > 0;
  };

  const openAll = (open) => cards.forEach((c) => { if (!c.hidden) c.open = open; });
  const follow = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target || !target.matches("details.card")) return;
    if (target.hidden) { form.reset(); filter(); }
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  };

  const copyButtons = () => {
    const made = document.getElementById("copy");
    for (const box of $(".copyable")) {
      const button = made.content.firstElementChild.cloneNode(true);
      button.addEventListener("click", async () => {
        const en = document.getElementById("lang-en").checked;
        const part = box.querySelector(en ? ".en" : ".zh") || box;
        try { await navigator.clipboard.writeText(part.textContent.trim()); } catch { getSelection().selectAllChildren(part); return; }
        const [idle, done] = button.children;
        idle.hidden = true; done.hidden = false;
        setTimeout(() => { idle.hidden = false; done.hidden = true; }, 1500);
      });
      box.before(button);
    }
  };

  const language = () => {
    document.documentElement.lang = document.getElementById("lang-zh").checked ? "zh-Hans" : "en";
  };

  copyButtons();
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.getElementById("open").addEventListener("click", () => openAll(true));
  document.getElementById("close").addEventListener("click", () => openAll(false));
  for (const i of $('input[name="lang"]')) i.addEventListener("change", language);
  addEventListener("hashchange", follow);
  filter();
  language();
  follow();
})();
