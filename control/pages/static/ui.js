// What all pages share: texts, messages, forms.
import { ApiError } from "./api.js";

export const $ = (id) => document.getElementById(id);
export const lang = document.documentElement.lang;
const texts = await (await fetch(new URL(lang + ".json", import.meta.url))).json();
export const t = (key) => texts[key] ?? key;

// A change of language keeps where one is, with what the address carries.
export function keepAddress(fragment = location.hash) {
  for (const l of ["en", "zh"]) {
    const u = new URL(location.href);
    u.searchParams.set("lang", l);
    u.hash = fragment;
    $("lang-" + l).href = u.href;
  }
}
keepAddress();

export function sentence(err) {
  if (!(err instanceof ApiError)) return err.message || String(err);
  const known = texts["error." + err.code];
  const own = [err.message, err.remedy].filter(Boolean).join("\n");
  if (!own) return known || err.code;
  return lang === "en" || !known ? own : known + "\n" + own;
}

export function fail(err) {
  const e = $("error");
  e.textContent = sentence(err);
  e.hidden = false;
  e.scrollIntoView({ block: "nearest" });
}

export function say(key) {
  $("error").hidden = true;
  $("status").textContent = key ? t(key) : "";
}

// show shows some parts, hides others, and moves the focus to where the person goes on.
export function show(ids, hide = []) {
  for (const id of hide) $(id).hidden = true;
  for (const id of ids) $(id).hidden = false;
  const first = ids.length && $(ids[0]);
  const target = first && first.querySelector("input:not([readonly]):not([hidden]), h2[tabindex]");
  if (target && target.offsetParent) target.focus();
}

// during runs work with a control disabled, and shows what goes wrong.
export async function during(control, work) {
  control.disabled = true;
  $("error").hidden = true;
  try {
    return await work();
  } catch (err) {
    if (err) fail(err);
    return undefined;
  } finally {
    control.disabled = false;
  }
}

export function onSubmit(form, button, work) {
  $(form).addEventListener("submit", (e) => {
    e.preventDefault();
    during($(button), work);
  });
}

export function onClick(button, work) {
  const b = typeof button === "string" ? $(button) : button;
  b.addEventListener("click", () => during(b, work));
}

export const when = (s) => (s ? new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(s)) : "");

// nextPath is where to go after signing in: a path on this server, whatever the address says.
export function nextPath() {
  const next = new URLSearchParams(location.search).get("next") || "/";
  try {
    const u = new URL(next, location.origin);
    if (u.origin === location.origin && next.startsWith("/")) return u.pathname + u.search + u.hash;
  } catch {
    // no address at all
  }
  return "/";
}

export function signIn() {
  location.assign("/sign-in?next=" + encodeURIComponent(location.pathname + location.search));
}
