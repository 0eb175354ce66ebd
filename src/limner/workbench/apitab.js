// The API tab: the call for what the form shows now, to be copied.

import * as api from "./api.js";
import { LANGUAGES, NEEDS, unknownToOpenai, write } from "./code.js";
import { h, Part, switchOf } from "./dom.js";
import { state } from "./state.js";
import { words } from "./words.js";

class ApiTab extends Part {
  #language = "curl";
  #how = "sync";
  #texts = null;

  start() {
    this.code = h("code");
    this.notes = h("div", { class: "notes" });
    this.copy = h("button", { type: "button", class: "copy", onclick: () => this.#copy() }, words.copy);
    this.ways = switchOf(words.way, "call-way", Object.entries(words.ways), this.#how,
      (how) => this.#choose(this.#language, how));
    this.replaceChildren(h("div", { class: "row wrap" },
        switchOf(words.language, "call-language", Object.entries(LANGUAGES), this.#language,
          (name) => this.#choose(name, this.#how)),
        this.ways),
      h("div", { class: "code" }, h("pre", { tabindex: 0, "aria-label": words.api }, this.code), this.copy),
      this.notes);
    for (const type of ["form", "model"]) this.on(state, type, () => this.#draw());
    this.on(state, "back", () => this.isConnected && !this.hidden && this.open());
  }

  /** Read the texts of the calls, once they are looked at. */
  async open() {
    try {
      this.#texts ??= await api.getCalls();
      this.#draw();
    } catch (error) {
      this.notes.replaceChildren(h("p", { class: "error", role: "alert" }, words.sayError(error)));
    }
  }

  #choose(language, how) {
    [this.#language, this.#how] = [language, how];
    this.#draw();
  }

  #draw() {
    if (!state.model || !this.#texts) return;
    const body = state.body();
    const sdk = this.#language === "openai";
    this.ways.hidden = sdk;
    this.code.textContent = write(this.#texts, this.#language, this.#how,
      { base: api.base(), body, count: state.form.count });
    const dropped = sdk ? unknownToOpenai(body) : [];
    const notes = [words.needs(NEEDS[this.#language]), state.session.keyless ? words.keyLater : words.keyNow,
      sdk && words.sdkWaits, dropped.length && words.dropped(dropped), !body.prompt.trim() && words.noPrompt];
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
