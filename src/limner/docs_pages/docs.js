// What the pages of the docs do besides being read: copying, light and dark, and the box that answers questions.
// Without it every page can be read, and everything on it.

const ROOT = new URL("../../", import.meta.url);
const COPIED_MS = 2000;
const find = (selector, root = document) => root.querySelector(selector);

function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

// Code is copied as it stands.
for (const code of document.querySelectorAll("article pre")) {
  const button = make("button", { type: "button", className: "copy quiet", textContent: "Copy" });
  button.setAttribute("aria-label", "Copy the code");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(find("code", code).textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(find("code", code));
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS);
  });
  const frame = make("div", { className: "code" });
  code.replaceWith(frame);
  frame.append(code, button);
}

const theme = find("#docs-theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("limner.theme", dark ? "light" : "dark");
});

const dialog = find("#docs-assistant");
const question = find("#docs-question");
const answer = find("#docs-answer");

function open() {
  if (!dialog.open) dialog.showModal();
  question.elements.question.select();
}

find("#docs-ask").hidden = false;
find("#docs-ask").addEventListener("click", open);
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "i") {
    event.preventDefault();
    open();
  }
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("a")) dialog.close();
});

async function ask(text) {
  const headers = { "Content-Type": "application/json" };
  const session = await (await fetch(new URL("api/limner/session", ROOT))).json();
  if (session.token) headers["X-Limner-Token"] = session.token;
  const said = await fetch(new URL("api/limner/ask", ROOT), {
    method: "POST", headers, body: JSON.stringify({ question: text }),
  });
  const body = await said.json();
  if (!said.ok) throw new Error(body.error?.message ?? `The server answered ${said.status}.`);
  return body;
}

/** The address of a page as this browser reaches the server. */
const here = (url) => new URL(url.slice(url.indexOf("/docs/") + 1), ROOT).href;

/** Text whose [1] lead to the passages, and in which `code` between backticks is shown as such. */
function cited(text, sources) {
  return text.split(/(\[\d+\]|`[^`\n]+`)/).map((part) => {
    if (part.startsWith("`") && part.length > 2) return make("code", { textContent: part.slice(1, -1) });
    const source = sources.find((one) => part === `[${one.number}]`);
    return source ? make("a", { href: here(source.url), textContent: part }) : part;
  });
}

function show({ answer: text, written, notice, sources }) {
  const list = make("ol", { className: "sources" }, ...sources.map((one) => make("li", {},
    make("a", { href: here(one.url), textContent: one.page === one.heading ? one.page : `${one.page}: ${one.heading}` }),
    make("blockquote", { textContent: one.quote }))));
  answer.replaceChildren(
    ...(written || !sources.length ? text.split("\n\n").map((part) => make("p", {}, ...cited(part, sources))) : []),
    ...(sources.length ? [list] : [make("p", { className: "hint" }, "Try other words, or the search.")]),
    ...(notice ? [make("p", { className: "notice", textContent: notice })] : []));
}

question.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = find("button", question);
  button.disabled = true;
  answer.replaceChildren(make("p", { className: "hint", textContent: "Looking …" }));
  try {
    show(await ask(question.elements.question.value));
  } catch (error) {
    const text = error instanceof TypeError ? "The server cannot be reached." : error.message;
    answer.replaceChildren(make("p", { className: "error", textContent: text }));
  }
  button.disabled = false;
});
