// One generation in full: the picture to zoom into, before and after, every parameter, and what can be done with it.

import * as api from "./api.js";
import { actions, sizeOf } from "./card.js";
import { h, icon, iconButton, Part } from "./dom.js";
import { state } from "./state.js";
import "./view.js";
import { label, words } from "./words.js";

/** Everything a generation was made with, as [name, text], for tables. */
export function parameters(generation) {
  const { prompt, input_image: inputs, mask, num_generations: _, partial_images: __,
    ...sent } = generation.parameters ?? {};
  const all = { model: generation.model_name, prompt, ...sent, ...generation.used };
  if (inputs) all.input_image = [inputs].flat().map((url) => url.split("/").at(-1).split("?")[0]).join(", ");
  if (mask) all.mask = mask.split("/").at(-1).split("?")[0];
  return Object.entries(all).filter(([, value]) => value !== null
    && value !== undefined).map(([name, value]) => [name, String(value)]);
}

/** When a generation was asked for and how long it took, as [name, text]. */
function times({ enqueued_at: asked, started_at: began, completed_at: ended }) {
  return [["enqueued_at", new Date(asked * 1000).toLocaleString("en")],
    ...(began && ended ? [["took", words.took(ended - began)]] : [])];
}

class GenerationDialog extends Part {
  start() {
    this.dialog = h("dialog", { class: "detail", "aria-labelledby": "detail-title", onkeydown: (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.target.closest(".look, input")) this.#leaf(step);
    } });
    this.replaceChildren(this.dialog);
    this.on(state, "generation", (event) => event.detail === this.gid && this.dialog.open && this.#draw());
    this.on(state, "chosen", () => this.dialog.open && this.#draw());
    for (const type of ["restored", "removed"]) this.on(state, type, () => this.dialog.close());
  }

  open(id, ids) {
    Object.assign(this, { gid: id, ids, compared: true });
    this.dialog.replaceChildren();
    this.#draw();
    this.dialog.showModal();
  }

  #leaf(step) {
    const ids = this.ids.filter((id) => state.generations.get(id)?.result_url);
    const next = ids[ids.indexOf(this.gid) + step];
    if (!next) return;
    Object.assign(this, { gid: next, compared: true });
    this.#draw();
  }

  #draw() {
    const generation = state.generations.get(this.gid);
    if (!generation) return;
    const before = generation.parameters?.input_image ? api.inputUrl(this.gid, 0) : null;
    const { width, height } = sizeOf(generation);
    const view = this.dialog.querySelector("picture-view") ?? h("picture-view");
    const both = this.compared && before;
    const after = { src: api.lasting(generation.result_url ?? ""), label: both ? words.after : "",
      alt: generation.prompt };
    const held = document.activeElement?.getAttribute?.("aria-label") ?? document.activeElement?.textContent;
    this.dialog.replaceChildren(
      h("header", {}, h("h2", { id: "detail-title" }, words.details),
        iconButton("left", words.previous, () => this.#leaf(-1), { class: "quiet only-icon leaf" }),
        iconButton("right", words.next, () => this.#leaf(1), { class: "quiet only-icon leaf" }),
        iconButton("close", words.close, () => this.dialog.close())),
      h("div", { class: "halves" }, view,
        h("div", { class: "about" },
          h("p", { class: "lead" }, generation.prompt),
          h("div", { class: "row wrap" },
            before && h("button", { type: "button", "aria-pressed": this.compared, onclick: () => {
              this.compared = !this.compared;
              this.#draw();
            } }, icon("compare"), words.beforeAfter),
            actions(generation),
            h("button", { type: "button", class: "danger",
              onclick: () => this.dispatchEvent(new CustomEvent("ask-delete",
              { bubbles: true, detail: [this.gid] })) }, icon("trash"), words.remove)),
          generation.warnings?.length > 0 && h("section", { class: "note" }, h("h3", {}, words.warnings),
            h("ul", {}, generation.warnings.map((text) => h("li", {}, text)))),
          h("dl", {}, [...parameters(generation).filter(([name]) => name !== "prompt"), ...times(generation)]
            .map(([name, text]) => h("div", {}, h("dt", {}, label(name)), h("dd", {}, text)))))));
    view.show(both ? [{ src: before, label: words.before }, after] : [after], width / height, both ? "slider" : "side");
    const back = [...this.dialog.querySelectorAll("button")].find((button) =>
      held && (button.getAttribute("aria-label") ?? button.textContent) === held);
    back?.focus();
  }
}

customElements.define("generation-dialog", GenerationDialog);
