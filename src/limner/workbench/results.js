// What was run from this page, newest first; pictures appear where their unfinished ones were.

import { card } from "./card.js";
import { h, icon, Part } from "./dom.js";
import { state } from "./state.js";
import { words } from "./words.js";

class RunResults extends Part {
  start() {
    this.on(state, "runs", () => this.#draw());
    this.#draw();
  }

  #draw() {
    const runs = state.runs.filter((run) => !run.grid && run.ids.length);
    if (!runs.length) return this.replaceChildren(this.#empty());
    const drawn = new Map([...this.querySelectorAll(".run")].map((element) => [element.dataset.ids, element]));
    this.replaceChildren(...runs.map((run) => drawn.get(run.ids.join()) ?? this.#run(run)));
  }

  #run(run) {
    return h("section", { class: "run", "data-ids": run.ids.join(), "aria-label": run.prompt },
      h("header", { class: "row" }, h("h3", {}, run.prompt),
        run.ids.length > 1 && h("button", { type: "button", onclick: () => state.compare(run.ids) }, icon("compare"),
          words.compareThese)),
      h("div", { class: `cards of-${run.ids.length}` }, run.ids.map((id) => card(id, { siblings: () => run.ids }))));
  }

  #empty() {
    return h("div", { class: "empty" }, h("h2", {}, words.noResults), h("p", {}, words.noResultsHint),
      h("ul", { class: "examples" }, words.examples.map((text) =>
        h("li", {}, h("button", { type: "button", onclick: () => {
        state.setValue("prompt", text);
        state.tell("restored");
        document.getElementById("run").click();
      } }, text)))));
  }
}

customElements.define("run-results", RunResults);
