// The API tab: the call for what the form shows now, to be copied.

import * as api from "./api.js";
import { LANGUAGES, NEEDS, unknownToOpenai, write } from "./code.js";
import { h, Part, switchOf } from "./dom.js";
import { state } from "./state.js";
import { words } from "./words.js";

class ApiTab extends Part {
  #language = "curl";
  #mode = "sync";

  start() {
    this.code = h("code");
    this.notes = h("div", { class: "notes" });
    this.copy = h("button", { type: "button", class: "copy", onclick: () => this.#copy() }, words.copy);
    this.modes = switchOf(words.mode, "call-mode", Object.entries(words.modes), this.#mode,
      (mode) => this.#choose(this.#language, mode));
    this.replaceChildren(
      h("div", { class: "row wrap" },
        switchOf(words.language, "call-language", Object.entries(LANGUAGES), this.#language,
          (name) => this.#choose(name, this.#mode)),
        this.modes),
      h("div", { class: "code" }, h("pre", { tabindex: 0, "aria-label": words.api }, this.code), this.copy),
        this.notes);
    for (const type of ["form", "model"]) this.on(state, type, () => this.#draw());
    this.#draw();
  }

  #choose(language, mode) {
    [this.#language, this.#mode] = [language, mode];
    this.#draw();
  }

  #draw() {
    if (!state.model) return;
    const keyed = !state.session.keyless;
    const body = state.body();
    this.modes.disabled = this.#language === "openai";
    this.code.textContent = write(this.#language, this.#mode,
      { base: api.base(), body, count: state.form.count, keyed });
    const dropped = this.#language === "openai" ? unknownToOpenai(body) : [];
    const notes = [NEEDS[this.#language] && words.installs(NEEDS[this.#language]), keyed && words.keyNote,
      this.#language === "openai" && words.noOpenai, dropped.length && words.dropped(dropped), !body.prompt.trim()
        && words.noPrompt];
    this.notes.replaceChildren(...notes.filter(Boolean).map((text) => h("p", { class: "hint" }, text)));
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.code.textContent);
    } catch {
      getSelection().selectAllChildren(this.code); // without https a browser gives pages no clipboard
      if (!document.execCommand("copy")) return state.say(words.copyFailed);
    }
    this.copy.textContent = words.copied;
    state.say(words.copied);
    setTimeout(() => (this.copy.textContent = words.copy), 2000);
  }
}

customElements.define("api-tab", ApiTab);
