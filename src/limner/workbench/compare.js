// The chosen pictures next to each other, under a slider or as their difference, and the parameters that differ.

import * as api from "./api.js";
import { sizeOf } from "./card.js";
import { parameters } from "./detail.js";
import { fill, h, iconButton, Part, switchOf } from "./dom.js";
import { state } from "./state.js";
import "./view.js";
import { label, words } from "./words.js";

class CompareView extends Part {
  #mode = "side";
  #onlyDifferences = true;
  #pair = [0, 1];

  start() {
    this.on(state, "chosen", () => this.draw());
    this.on(state, "generation", (event) => state.chosen.includes(event.detail) && this.draw());
    this.draw();
  }

  draw() {
    const chosen = state.chosen.map((id) => state.generations.get(id)).filter((generation) => generation?.result_url);
    if (chosen.length < 2) {
      fill(this, h("div", { class: "empty" }, h("h2", {}, words.compareEmpty), h("p", {}, words.compareEmptyHint),
        chosen.length > 0 && this.#list(chosen)));
      return;
    }
    this.#pair = this.#pair.map((at) => Math.min(at, chosen.length - 1));
    const two = this.#mode !== "side";
    const shown = two ? this.#pair.map((at) => chosen[at]) : chosen;
    const { width, height } = sizeOf(shown[0]);
    const view = this.querySelector("picture-view") ?? h("picture-view");
    const held = document.activeElement?.value ?? document.activeElement?.getAttribute?.("aria-label");
    const within = this.contains(document.activeElement);
    fill(this, h("div", { class: "row wrap" },
        switchOf(words.compare, "compare-mode", [["side", words.side], ["slider", words.slider],
          ["difference", words.difference]], this.#mode, (mode) => { this.#mode = mode; this.draw(); }),
        two && chosen.length > 2 && this.#pair.map((at, i) => this.#choice(i, at, chosen)),
        h("button", { type: "button", class: "quiet",
          onclick: () => [...state.chosen].forEach((id) => state.choose(id, false)) }, words.dropAll)),
      view, this.#list(chosen), this.#table(chosen));
    view.show(shown.map((generation) => ({ src: api.lasting(generation.result_url), alt: generation.prompt,
      label: this.#caption(generation, chosen) })), width / height, this.#mode);
    if (within) [...this.querySelectorAll("input, button, select")].find((one) =>
      one.value === held || one.getAttribute("aria-label") === held)?.focus();
  }

  /** The letter of a picture, and in short what it has that the others have not. */
  #caption(generation, chosen) {
    const own = differences(chosen).filter((name) => name !== "prompt").slice(0, 3).map((name) =>
      `${label(name)} ${new Map(parameters(generation)).get(name) ?? "–"}`);
    return [letter(chosen.indexOf(generation)), ...own].join(" · ");
  }

  #choice(i, at, chosen) {
    const name = i ? words.second : words.first;
    return h("label", { class: "check" }, name, h("select", { "aria-label": name, onchange: (event) => {
      this.#pair[i] = event.target.selectedIndex;
      this.draw();
    } }, chosen.map((_, other) => h("option", { ".selected": other === at }, letter(other)))));
  }

  #list(chosen) {
    return h("ul", { class: "chosen" }, chosen.map((generation, i) => h("li", {},
      h("img", { src: api.thumbnailUrl(generation.generation_id), alt: "" }), h("strong", {}, letter(i)),
        h("span", {}, generation.prompt),
      iconButton("close", `${words.dropFromCompare}: ${letter(i)}`,
        () => state.choose(generation.generation_id, false)))));
  }

  #table(chosen) {
    const all = chosen.map((generation) => new Map(parameters(generation)));
    const different = differences(chosen);
    const shown = this.#onlyDifferences ? different : [...new Set(all.flatMap((one) => [...one.keys()]))];
    return h("section", { class: "parameters" },
      h("div", { class: "row" }, h("h2", {}, words.parameters),
        h("label", { class: "check" }, h("input", { type: "checkbox",
        "aria-label": words.onlyDifferences, ".checked": this.#onlyDifferences, onchange: (event) => {
          this.#onlyDifferences = event.target.checked;
          this.draw();
        } }), words.onlyDifferences)),
      shown.length === 0 ? h("p", { class: "hint" }, words.same) : h("div",
        { class: "sideways", tabindex: 0, role: "group", "aria-label": words.parameters }, h("table", {},
        h("thead", {}, h("tr", {}, h("td"), chosen.map((_, i) => h("th", { scope: "col" }, letter(i))))),
        h("tbody", {}, shown.map((name) => h("tr", { class: different.includes(name) ? "differs" : "" },
          h("th", { scope: "row" }, label(name)), all.map((one) => h("td", {}, one.get(name) ?? "–"))))))));
  }
}

/** The names of the parameters that are not the same in all of these. */
function differences(generations) {
  const all = generations.map((one) => new Map(parameters(one)));
  return [...new Set(all.flatMap((one) => [...one.keys()]))]
    .filter((name) => new Set(all.map((one) => one.get(name))).size > 1);
}

const letter = (i) => String.fromCharCode(65 + i);

customElements.define("compare-view", CompareView);
