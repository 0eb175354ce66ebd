// The form: the model, the prompt, the inputs, the parameters of the model's schema, seed, count, Run and Cancel.

import { h, iconButton, Part, switchOf } from "./dom.js";
import { calm, complain, field, isField, ordered } from "./field.js";
import "./inputs.js";
import "./prompt.js";
import { drawSeed, state } from "./state.js";
import { words } from "./words.js";

const COUNTS = [1, 2, 3, 4];
const WIDE = "(min-width: 60.01em)";

class RunForm extends Part {
  start() {
    this.on(state, "model", () => this.#draw());
    this.on(state, "restored", () => { this.#draw(); this.#attend(); });
    this.on(state, "back", () => { this.querySelector("#form-error").hidden = true; });
    this.on(state, "form", () => this.#follow());
    for (const type of ["runs", "generation"]) this.on(state, type, () => this.#offerCancel());
    this.on(document, "keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.offsetParent
        && !document.querySelector("dialog[open]")) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
    this.on(this, "complaint", (event) => complain(this, event.detail.field, event.detail.message));
    this.#draw();
  }

  #draw() {
    if (!state.model) return;
    const { schema, form } = state;
    const names = ordered(schema).filter(isField);
    const basic = names.filter((name) => schema.basic?.includes(name));
    const rest = names.filter((name) => !schema.basic?.includes(name));
    const fields = (some) => some.map((name) => field(name, schema.properties[name], form.values[name],
      (value) => state.setValue(name, value)));
    const prompt = h("prompt-box");
    prompt.configure((text) => state.setValue("prompt", text), () => state.form.inputs.length);
    const open = this.querySelector("details")?.open ?? false;
    const wide = matchMedia(WIDE).matches;
    this.form = h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#run(); } },
      h("div", { class: "fields" },
        this.#modelField(),
        h("div", { class: "field", "data-field": "prompt" }, h("label", { for: "field-prompt" }, words.prompt), prompt,
          h("p", { class: "hint", id: "field-prompt-hint" }, words.promptHint),
          h("p", { class: "error", id: "field-prompt-error", hidden: true })),
        h("div", { class: "field", "data-field": "input_image" },
          h("span", { class: "label" }, words.inputs), h("input-images"),
          h("p", { class: "error", id: "field-input_image-error", hidden: true })),
        h("div", { class: "field", "data-field": "num_generations" },
          switchOf(words.count, "count", COUNTS.map((n) => [n, n]), form.count, (count) => state.change({ count })),
          h("p", { class: "error", hidden: true })),
        wide && [fields(basic), this.#seedField()],
        h("details", { ".open": open },
          h("summary", {}, wide ? words.more : words.settings, " ", h("span", { class: "hint", id: "changed" })),
          !wide && [fields(basic), this.#seedField()], fields(rest),
          h("button", { type: "button", class: "quiet", id: "reset", onclick: () => this.#reset() }, words.reset))),
      h("footer", { class: "actions" },
        h("p", { class: "error", id: "form-error", role: "alert", hidden: true }),
        h("div", { class: "row" },
          h("button", { type: "submit", class: "primary", id: "run" }, words.run,
            h("kbd", { "aria-hidden": "true" }, "Ctrl ↵")),
          h("button", { type: "button", id: "cancel", hidden: true, title: words.cancelAll,
            onclick: () => state.cancel(state.live()).catch((error) => this.#show(error)) }, words.cancel))));
    this.replaceChildren(this.form);
    prompt.value = form.values.prompt ?? "";
    this.#follow();
    this.#offerCancel();
  }

  /** Go on with the prompt where there is a keyboard for it; elsewhere only show the form. */
  #attend() {
    if (matchMedia(WIDE).matches) this.querySelector("#field-prompt").select();
    else scrollTo(0, 0);
  }

  #modelField() {
    const own = state.models.map((model) => [model.id, model.display_name]);
    const alias = !state.models.some((model) => model.id === state.model.id);
    if (alias) own.unshift([state.model.id, state.model.id]);
    return h("div", { class: "field", "data-field": "model" },
      h("label", { for: "field-model" }, words.model),
      h("select", { id: "field-model", "aria-describedby": "field-model-hint",
        onchange: (event) => state.chooseModel(event.target.value) },
        own.map(([id, name]) => h("option", { value: id, ".selected": id === state.model.id }, name))),
      h("p", { class: "hint", id: "field-model-hint" },
        alias ? words.alias(state.model.id, state.model.display_name) : state.model.summary),
      h("p", { class: "error", hidden: true }));
  }

  #seedField() {
    this.seed = h("input", { id: "field-seed", name: "seed", type: "number", inputmode: "numeric", min: 0, step: 1,
      placeholder: words.seedRandom, "aria-describedby": "field-seed-error",
      oninput: (event) => {
        const given = event.target.value !== "";
        state.change({ seed: given ? Number(event.target.value) : null, locked: given });
      } });
    this.lock = h("span");
    return h("div", { class: "field", "data-field": "seed", hidden: !state.schema.properties.seed },
      h("label", { for: "field-seed" }, words.seed),
      h("div", { class: "row seed" }, this.seed, this.lock,
        iconButton("dice", words.dice, () => state.change({ seed: drawSeed(), locked: true }), { id: "dice" })),
      h("p", { class: "error", id: "field-seed-error", hidden: true }));
  }

  /** What follows from the form without being typed into. */
  #follow() {
    if (!this.form) return;
    const { seed, locked, values, inputs } = state.form;
    if (this.lock.dataset.locked !== String(locked)) {
      const focused = this.lock.contains(document.activeElement);
      this.lock.dataset.locked = locked;
      this.lock.replaceChildren(iconButton(locked ? "lock" : "unlock", words.lock, () => this.#toggleLock(),
        { id: "lock", "aria-pressed": locked }));
      if (focused) this.lock.firstChild.focus();
    }
    if (document.activeElement !== this.seed) this.seed.value = locked && seed !== null ? seed : "";
    const hint = inputs.length ? words.referHint(inputs.length)
      : matchMedia(WIDE).matches ? words.promptHint : words.promptHintTouch;
    this.querySelector("#field-prompt-hint").textContent = hint;
    const { properties, basic = [] } = state.schema;
    const changed = Object.keys(properties).filter((name) => isField(name) && !basic.includes(name)
      && ![undefined, null, "", properties[name].default].includes(values[name]));
    const place = this.querySelector("#changed");
    if (place) place.textContent = changed.length ? words.changed(changed.length) : "";
  }

  /** Keep the seed of the newest picture, or one just drawn; or let each run draw its own. */
  #toggleLock() {
    if (state.form.locked) return state.change({ locked: false });
    const newest = state.generations.get(state.runs[0]?.ids[0])?.used?.seed;
    state.change({ locked: true, seed: newest ?? drawSeed() });
  }

  #offerCancel() {
    const button = this.querySelector("#cancel");
    if (button) button.hidden = state.live().length === 0;
  }

  #reset() {
    state.change({ values: {}, inputs: [], mask: null, seed: null, locked: false, count: 1 });
    this.#draw();
    this.querySelector("#field-prompt").focus();
  }

  async #run() {
    calm(this);
    const button = this.querySelector("#run");
    if (button.getAttribute("aria-busy") === "true") return;
    if (!state.form.values.prompt?.trim()) return complain(this, "prompt", words.required);
    button.setAttribute("aria-busy", "true");
    try {
      await state.run();
      this.dispatchEvent(new CustomEvent("ran", { bubbles: true }));
    } catch (error) {
      this.#show(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  /** Tell what went wrong, at the field that caused it where there is one. */
  #show(error) {
    const name = error.field?.replace(/\[\d+\]$/, "").replace(/^mask$/, "input_image");
    if (name && complain(this, name, error.message)) return;
    const place = this.querySelector("#form-error");
    place.textContent = error.message;
    place.hidden = false;
  }
}

customElements.define("run-form", RunForm);
