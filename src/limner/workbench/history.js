// Everything of this namespace, newest first. Only what can be seen is in the tree, however long the list is.

import * as api from "./api.js";
import { card } from "./card.js";
import { h, Part } from "./dom.js";
import { state } from "./state.js";
import { words } from "./words.js";

const PAGE = 100;
const CARD_WIDTH = 190;
const BAR_HEIGHT = 70;
const GAP = 16;
const SPARE_ROWS = 2;
const DRAW_MS = 2; // then the next line waits for the next frame, so that scrolling goes on
const REST_MS = 100; // a line that scrolls past sooner has neither pictures nor buttons
const TYPING_MS = 250;

class HistoryView extends Part {
  #ids = [];
  #ended = false;
  #loading = null;
  #failed = false;
  #picked = new Set();
  #rows = new Map();
  /** Where the scroller stands and how large it is, as it told; asking it would lay out the page at once. */
  #at = { top: 0, width: 0, height: 0, moved: -REST_MS };
  #frame = 0;

  start() {
    this.space = h("div", { class: "space", role: "list", "aria-label": words.historyList });
    this.scroller = h("div", { class: "scroller", tabindex: -1, onscroll: () => {
      Object.assign(this.#at, { top: this.scroller.scrollTop, moved: performance.now() });
      this.#plan();
    } }, this.space);
    this.message = h("div", { class: "empty", role: "status" });
    this.picked = h("div", { class: "row picked", hidden: true });
    this.filters = h("form", { class: "filters row wrap", onsubmit: (event) => event.preventDefault(), oninput: () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.reload(), TYPING_MS);
    } },
      h("input", { type: "search", name: "search", placeholder: words.search, "aria-label": words.search,
        maxlength: 200 }),
      h("select", { name: "model", "aria-label": words.model }, h("option", { value: "" }, words.anyModel),
        state.models.flatMap((model) => [model.id, ...model.aliases]).map((id) => h("option", {}, id))),
      h("select", { name: "status", "aria-label": words.anyStatus }, h("option", { value: "all" }, words.anyStatus),
        Object.entries(words.status).map(([value, text]) => h("option", { value }, text))),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "favourite", value: "true" }),
        words.favouritesOnly));
    this.replaceChildren(this.filters, this.picked, this.message, this.scroller);
    this.on(state, "back", () => this.offsetParent && this.#more());
    this.on(state, "removed", (event) => {
      this.#ids = this.#ids.filter((id) => !event.detail.includes(id));
      for (const id of event.detail) this.#picked.delete(id);
      this.#drawPicked();
      this.#redraw();
    });
    const resize = new ResizeObserver(([{ contentRect: { width, height } }]) => {
      Object.assign(this.#at, { width, height, top: this.scroller.scrollTop });
      this.#redraw();
    });
    resize.observe(this.scroller);
    this.gone.signal.addEventListener("abort", () => resize.disconnect());
  }

  /** Show what is new; who has scrolled down is left there. */
  open() {
    if (!this.#ids.length || this.#at.top === 0) this.reload();
  }

  async reload() {
    this.#ids = [];
    this.#ended = false;
    this.#loading = null;
    this.scroller.scrollTop = 0;
    this.#redraw();
    await this.#more();
  }

  /** Read the next page, unless it is being read or there is none. */
  async #more() {
    if (this.#loading || this.#ended) return;
    const before = this.#ids.at(-1);
    const asked = api.list({ ...Object.fromEntries(new FormData(this.filters)), limit: PAGE, before });
    this.#loading = asked;
    this.#failed = false;
    this.#say();
    try {
      const found = await asked;
      if (this.#loading !== asked) return; // the filters have changed meanwhile
      for (const generation of found) state.put(generation);
      this.#ids.push(...found.map((generation) => generation.generation_id));
      this.#ended = found.length < PAGE;
      this.#loading = null;
    } catch (error) {
      if (this.#loading !== asked) return;
      this.#loading = null;
      this.#failed = true; // until one asks again
      return this.#say(error);
    }
    this.#say();
    this.#plan();
  }

  #say(error = null) {
    const filtered = [...new FormData(this.filters)].some(([name, value]) => value
      && !(name === "status" && value === "all"));
    const button = (text, onclick) => h("button", { type: "button", onclick }, text);
    const lines = error ? [h("p", {}, error.message), button(words.tryAgain, () => this.#more())]
      : this.#ids.length ? []
        : this.#loading ? [h("p", {}, words.loading)]
          : filtered ? [h("p", {}, words.noMatches), button(words.clearFilters, () => {
            this.filters.reset();
            this.reload();
          })]
            : [h("h2", {}, words.noHistory), h("p", {}, words.noHistoryHint),
              h("a", { class: "button", href: "#create" }, words.create)];
    this.message.replaceChildren(...lines);
    this.message.hidden = !lines.length;
  }

  #redraw() {
    this.#rows.clear();
    this.space.replaceChildren();
    this.#plan();
  }

  /** Draw in the next frame. */
  #plan() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const began = performance.now();
    const { top, width, height: seen } = this.#at;
    if (width <= 0) return;
    const columns = Math.max(2, Math.floor((width + GAP) / (CARD_WIDTH + GAP)));
    const side = (width - GAP * (columns - 1)) / columns;
    const height = side + BAR_HEIGHT + GAP;
    const total = Math.ceil(this.#ids.length / columns);
    const at = Math.floor(top / height);
    const first = Math.max(0, at - SPARE_ROWS);
    const last = Math.min(total - 1, Math.floor((top + seen) / height) + SPARE_ROWS);
    this.space.style.height = `${total * height}px`;
    for (const [row, element] of this.#rows) {
      if ((row >= first && row <= last) || element.contains(document.activeElement)) continue;
      element.remove();
      this.#rows.delete(row);
    }
    const rows = Array.from({ length: last - first + 1 }, (_, i) => first + i).sort((a, b) => (a < at) - (b < at));
    for (const row of rows) { // those above come last
      const ids = this.#ids.slice(row * columns, (row + 1) * columns);
      const drawn = this.#rows.get(row);
      if (drawn?.dataset.ids === ids.join()) continue;
      if (performance.now() - began > DRAW_MS) return this.#plan();
      drawn?.remove();
      const element = h("div", { class: "line", role: "presentation", "data-ids": ids.join() },
        ids.map((id, i) => this.#entry(id, row * columns + i)));
      element.style.transform = `translateY(${row * height}px)`;
      element.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
      element.style.setProperty("--side", `${side}px`);
      element.classList.toggle("passing", began - this.#at.moved < REST_MS);
      setTimeout(() => element.classList.remove("passing"), REST_MS);
      this.#rows.set(row, element);
      const after = [...this.#rows].filter(([other]) => other > row).sort(([a], [b]) => a - b)[0]?.[1] ?? null;
      this.space.insertBefore(element, after); // in reading order, for the Tab key
    }
    if (last >= total - 1 - SPARE_ROWS && !this.#failed) this.#more();
  }

  #entry(id, at) {
    const prompt = state.generations.get(id)?.prompt ?? "";
    return h("div", { class: "entry", role: "listitem", "aria-posinset": at + 1,
      "aria-setsize": this.#ended ? this.#ids.length : -1 },
      card(id, { small: true, captioned: true, siblings: () => this.#ids }),
      h("label", { class: "pick" }, h("input", { type: "checkbox", "aria-label": `${words.select}: ${prompt}`,
        ".checked": this.#picked.has(id), onchange: (event) => {
          event.target.checked ? this.#picked.add(id) : this.#picked.delete(id);
          this.#drawPicked();
        } })));
  }

  #drawPicked() {
    const ids = [...this.#picked];
    this.picked.hidden = !ids.length;
    this.picked.replaceChildren(h("strong", { role: "status" }, words.selected(ids.length)),
      h("button", { type: "button", onclick: () => state.compare(ids) }, words.compare),
      h("a", { class: "button", href: api.exportUrl(ids), download: "limner.zip" }, words.downloadZip),
      h("button", { type: "button", class: "danger", onclick: () => this.dispatchEvent(new CustomEvent("ask-delete",
        { bubbles: true, detail: ids })) }, words.remove),
      h("button", { type: "button", class: "quiet", onclick: () => {
        this.#picked.clear();
        this.#drawPicked();
        this.#redraw();
      } }, words.clear));
  }
}

customElements.define("history-view", HistoryView);
