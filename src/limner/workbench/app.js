// The page around the views: the bar, which view is shown, signing in, what is said aloud, and what goes wrong.

import * as api from "./api.js";
import "./apitab.js";
import "./compare.js";
import "./detail.js";
import { h, icon, iconButton, tabs } from "./dom.js";
import "./form.js";
import "./grid.js";
import "./history.js";
import "./mask.js";
import "./results.js";
import { state } from "./state.js";
import { words } from "./words.js";

const VIEWS = ["create", "history", "compare"];
const TOAST_MS = 5000;
const page = document.body;
const live = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
const aloud = h("p", { class: "unseen", role: "status", id: "aloud" });
const banner = h("div", { class: "banner", role: "alert", hidden: true });
const head = h("header", { class: "head" }, banner);
let views = {};

/** Show for a moment, and read aloud, what has happened. */
function say(text) {
  const toast = h("p", {}, text);
  live.replaceChildren(toast);
  setTimeout(() => toast.remove(), TOAST_MS);
}

function complain(error) {
  if (error instanceof api.Offline || error?.status === 401) return; // the banner or the sign-in says it
  say(error instanceof api.ApiError ? error.message : words.broken);
  if (!(error instanceof api.ApiError)) console.error(error);
}

function toggleTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme.startsWith("dark")
    || (document.documentElement.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = dark ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("limner.theme", theme);
}

function bar(session) {
  const links = VIEWS.map((name) => h("a", { href: `#${name}`, id: `to-${name}` }, words[name]));
  const tell = () => {
    links[2].textContent = words.compareOf(state.chosen.length);
    links[2].classList.toggle("ready", state.chosen.length > 1);
  };
  state.addEventListener("chosen", tell);
  tell();
  links[0].addEventListener("dragenter", () => { location.hash = "#create"; });
  return h("div", { class: "top" },
    h("a", { class: "brand", href: "#create" }, "Limner"),
    h("nav", { "aria-label": "Limner" }, links),
    h("div", { class: "row" },
      h("a", { class: "button quiet", href: `${api.base()}/docs`, "aria-label": words.docs }, icon("book"),
        h("span", {}, words.docs)),
      iconButton("theme", words.theme, toggleTheme),
      !session.keyless && h("button", { type: "button", class: "quiet leave", "aria-label": words.signOut,
        title: words.signedInAs(session.namespace), onclick: async () => {
          await api.signOut();
          location.reload();
        } }, icon("leave"), h("span", {}, words.signOut))));
}

const main = (name, ...inside) => h("main", { class: name, tabindex: -1 },
  h("h1", { class: "unseen" }, words[name]), inside);

function createView() {
  const results = h("run-results");
  const grid = h("grid-tab");
  const call = h("api-tab");
  const pane = tabs(words.results, [["results", words.results, results], ["grid", words.grid, grid],
    ["api", words.api, call]], (name) => ({ grid: () => grid.refresh(), api: () => call.open() })[name]?.());
  const view = main("create",
    h("section", { class: "left", "aria-label": words.create }, h("run-form")),
    h("section", { class: "right", "aria-label": words.results }, pane.list, results, grid, call));
  view.addEventListener("ran", () => {
    pane.select("results");
    if (matchMedia("(max-width: 60em)").matches) pane.list.scrollIntoView({ behavior: "smooth" });
  });
  const go = (name) => {
    location.hash = `#${name}`;
    show();
  };
  state.addEventListener("restored", () => go("create"));
  state.addEventListener("compared", () => go("compare"));
  state.addEventListener("dragged", () => view.hidden && say(words.dropOnCreate));
  return view;
}

function show() {
  const name = VIEWS.find((one) => `#${one}` === location.hash) ?? "create";
  if (views[name].hidden) {
    scrollTo(0, 0);
    live.replaceChildren(); // what was said about the view before
  }
  for (const [own, view] of Object.entries(views)) view.hidden = own !== name;
  for (const own of VIEWS) document.getElementById(`to-${own}`).toggleAttribute("aria-current", own === name);
  document.title = name === "create" ? "Limner" : `${words[name]} – Limner`;
  if (name === "history") views.history.lastChild.open();
  if (name === "compare") views.compare.lastChild.draw();
}

/** Ask before what cannot be undone. */
function askToDelete(ids) {
  const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", onclose: () => dialog.remove() },
    h("h2", { id: "ask-title" }, words.sureToDelete(ids.length)),
    h("div", { class: "row" },
      h("button", { type: "button", class: "danger primary", onclick: () => {
        dialog.close();
        state.remove(ids).catch(complain);
      } }, words.remove),
      h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, words.keep)));
  page.append(dialog);
  dialog.showModal();
}

function signIn(hint = words.signInHint) {
  if (document.querySelector("dialog.sign-in")) return;
  document.getElementById("loading")?.remove();
  const error = h("p", { class: "error", id: "key-error", role: "alert", hidden: true });
  const key = h("input", { id: "key", type: "password", autocomplete: "off", required: true,
    "aria-describedby": "key-hint key-error" });
  const dialog = h("dialog", { class: "sign-in", "aria-labelledby": "sign-in-title", onkeydown: (event) => {
    if (event.key === "Escape") event.preventDefault();
  } },
    h("form", { novalidate: true, onsubmit: async (event) => {
      event.preventDefault();
      error.hidden = true;
      try {
        await api.signIn(key.value.trim());
        dialog.close();
        location.reload();
      } catch (problem) {
        error.textContent = problem.message;
        error.hidden = false;
        key.select();
      }
    } },
    h("p", { class: "brand" }, "Limner"), h("h1", { id: "sign-in-title" }, words.signIn),
    h("p", { class: "hint", id: "key-hint" }, hint, " ", words.keyHelp, " ", h("code", {}, "limner keys create"), "."),
    h("label", { for: "key" }, words.key), key, error,
      h("button", { type: "submit", class: "primary" }, words.signIn)));
  page.append(dialog);
  dialog.showModal();
}

/** The connection: a banner while it is lost, and a look now and then whether it is back. */
function watchTheLine() {
  let lost = false;
  const lose = async () => {
    if (lost) return;
    lost = true;
    banner.textContent = words.offline;
    banner.hidden = false;
    await api.waitForServer();
  };
  api.line.addEventListener("offline", lose);
  state.addEventListener("lost", () => setTimeout(async () => {
    const session = await api.getSession().catch(() => null); // that the server is away is told already
    if (session && !session.namespace) api.line.dispatchEvent(new Event("signed-out"));
  }, 1000));
  api.line.addEventListener("online", () => {
    if (!lost) return;
    lost = false;
    banner.hidden = true;
    if (views.create) state.recover().catch(complain);
    else begin();
    say(words.online);
  });
  api.line.addEventListener("signed-out", () => {
    state.end();
    signIn(words.signedOut);
  });
}

async function begin() {
  try {
    state.session = await api.getSession();
    if (!state.session.namespace) return signIn();
    await state.begin();
    views = { create: createView(), history: main("history", h("history-view")),
      compare: main("compare", h("compare-view")) };
    document.getElementById("loading").remove();
    head.prepend(bar(state.session));
    page.append(...Object.values(views), h("generation-dialog"), h("mask-dialog"));
    show();
    addEventListener("hashchange", show);
  } catch (error) {
    document.getElementById("loading").textContent = error.message;
    if (!(error instanceof api.Offline)) console.error(error);
  }
}

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  complain(event.reason);
});
page.addEventListener("ask-delete", (event) => askToDelete(event.detail));
state.addEventListener("say", (event) => say(event.detail));
state.addEventListener("announce", (event) => { aloud.textContent = event.detail; });
page.append(head, live, aloud);
new ResizeObserver(() => page.style.setProperty("--top", `${head.offsetHeight}px`)).observe(head);
watchTheLine();
begin();
