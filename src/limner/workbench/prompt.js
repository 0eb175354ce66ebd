// The prompt, with completion of @Image1 and so on. It knows nothing of what is done with the text.

import { h, Part } from "./dom.js";
import { words } from "./words.js";

const REFERENCE = /@\w*$/;

class PromptBox extends Part {
  #offered = [];
  #at = 0;

  /** `change` is told the text; `count` answers how many input images there are. */
  configure(change, count) {
    this.change = change;
    this.count = count;
  }

  start() {
    this.list = h("ul", { id: "prompt-offers", role: "listbox", class: "offers", hidden: true,
      "aria-label": words.inputs });
    this.text = h("textarea", { id: "field-prompt", name: "prompt", rows: 4, required: true, spellcheck: "true",
      "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": "prompt-offers",
      "aria-describedby": "field-prompt-hint field-prompt-error", autofocus: matchMedia("(min-width: 60em)").matches,
      oninput: () => { this.change(this.text.value); this.#offer(); },
      onkeydown: (event) => this.#press(event), onblur: () => this.#close() });
    this.replaceChildren(this.text, this.list);
  }

  set value(text) {
    if (this.text.value !== text) this.text.value = text;
  }

  #offer() {
    const typed = this.text.value.slice(0, this.text.selectionStart).match(REFERENCE)?.[0];
    const names = Array.from({ length: this.count() }, (_, i) => `@Image${i + 1}`);
    this.#offered = typed ? names.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase())
      && name !== typed) : [];
    this.#at = 0;
    this.#draw();
  }

  #draw() {
    const open = this.#offered.length > 0;
    this.list.replaceChildren(...this.#offered.map((name, i) => h("li", { role: "option", id: `offer-${i}`,
      "aria-selected": i === this.#at, onpointerdown: (event) => { event.preventDefault(); this.#take(name); } },
        name)));
    this.list.hidden = !open;
    if (open) this.text.setAttribute("aria-activedescendant", `offer-${this.#at}`);
    else this.text.removeAttribute("aria-activedescendant");
  }

  #press(event) {
    if (!this.#offered.length || event.ctrlKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#at = (this.#at + step + this.#offered.length) % this.#offered.length;
    else if (event.key === "Enter" || event.key === "Tab") return event.preventDefault(),
      this.#take(this.#offered[this.#at]);
    else if (event.key === "Escape") return this.#close();
    else return;
    event.preventDefault();
    this.#draw();
  }

  #take(name) {
    const end = this.text.selectionStart;
    const begin = end - this.text.value.slice(0, end).match(REFERENCE)[0].length;
    this.text.setRangeText(`${name} `, begin, end, "end");
    this.#close();
    this.change(this.text.value);
  }

  #close() {
    this.#offered = [];
    this.#draw();
  }
}

customElements.define("prompt-box", PromptBox);
