// The input images: dropped, pasted or chosen, stored on the server at once, so that a call names them by a short
// address and a reload loses none. The mask of the first one is painted from here.

import * as api from "./api.js";
import { DRAGGED } from "./card.js";
import { fill, h, icon, iconButton, Part } from "./dom.js";
import { inputLimit, state } from "./state.js";
import { words } from "./words.js";

const SENT_AS_IT_IS = ["image/png", "image/jpeg", "image/webp"];

class InputImages extends Part {
  #busy = 0;
  #shown = "";

  start() {
    this.on(state, "form", () => this.#draw());
    this.on(state, "model", () => this.#draw());
    this.on(document, "paste", (event) => this.#paste(event));
    for (const type of ["dragover", "drop"]) this.on(document, type, (event) => this.#drop(event));
    this.on(document, "dragleave", () => this.classList.remove("over"));
    this.#shown = "";
    this.#draw();
  }

  get most() {
    return inputLimit(state.schema);
  }

  #draw() {
    const { inputs, mask } = state.form;
    const wanted = JSON.stringify([inputs, mask, this.#busy, state.model?.id]);
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    const focused = this.contains(document.activeElement);
    this.closest("[data-field]").hidden = this.most === 0;
    const file = h("input", { type: "file", id: "field-input_image", accept: "image/*", multiple: this.most > 1,
      class: "unseen", "aria-describedby": "field-input_image-error",
      onchange: (event) => this.#add([...event.target.files]) });
    const room = inputs.length < this.most;
    fill(this,
      h("div", { class: "thumbs" }, inputs.map((url, i) => this.#thumb(url, i))),
      this.#busy > 0 && h("p", { class: "hint", role: "status" }, words.uploading),
      h("label", { class: room ? "drop" : "drop small", for: "field-input_image" }, icon("picture"),
        h("span", {}, words.addInputs, " ", h("span", { class: "hint" }, words.addInputsHint(this.most))), file));
    if (!room) this.querySelector(".drop").hidden = true;
    if (inputs.length && state.schema.properties.mask) this.append(this.#maskButtons(mask));
    if (focused) this.querySelector("button, input")?.focus();
  }

  #thumb(url, i) {
    return h("figure", { class: "thumb" },
      h("img", { src: url, alt: words.inputAlt(i + 1) }),
        h("figcaption", {}, `@Image${i + 1}`, i === 0 && state.form.mask && `, ${words.masked}`),
      iconButton("close", words.removeInput(i + 1), () => state.change({
        inputs: state.form.inputs.filter((_, other) => other !== i), mask: i === 0 ? null : state.form.mask })));
  }

  #maskButtons(mask) {
    return h("div", { class: "row" },
      h("button", { type: "button", onclick: () => document.querySelector("mask-dialog").open(state.form.inputs[0]) },
        icon("brush"), mask ? words.changeMask : words.paintMask),
      mask && h("button", { type: "button", class: "quiet", onclick: () => state.change({ mask: null }) },
        words.removeMask));
  }

  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])].filter((one) => one.type.startsWith("image/"));
    if (!files.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#add(files);
  }

  /** Files may be dropped anywhere; a picture of this page on the form or on the way to it. */
  #drop(event) {
    const { types, files } = event.dataTransfer;
    const own = types.includes(DRAGGED);
    const target = own ? event.target.closest("run-form, #to-create") : types.includes("Files");
    this.classList.toggle("over", Boolean(target) && event.type === "dragover");
    if (!target) return;
    event.preventDefault();
    if (event.type !== "drop") return;
    if (own) state.useAsInput(state.generations.get(event.dataTransfer.getData(DRAGGED)));
    else this.#add([...files]);
  }

  async #add(files) {
    const room = this.most === 1 ? 1 : this.most - state.form.inputs.length;
    if (files.length > room) return this.#complain(words.tooManyInputs(this.most));
    this.#busy += 1;
    this.#draw();
    try {
      const added = [];
      for (const file of files) added.push(await api.upload(state.session.namespace, await prepare(file)));
      const inputs = this.most === 1 ? added : [...state.form.inputs, ...added];
      state.change({ inputs, mask: this.most === 1 ? null : state.form.mask });
    } catch (error) {
      this.#complain(error.message);
    } finally {
      this.#busy -= 1;
      this.#draw();
    }
  }

  #complain(message) {
    this.dispatchEvent(new CustomEvent("complaint", { bubbles: true, detail: { field: "input_image", message } }));
  }
}

/** What the server reads goes as it is; whatever else the browser can show becomes a PNG. */
async function prepare(file) {
  if (SENT_AS_IT_IS.includes(file.type)) return file;
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(words.unreadable);
  });
  const canvas = h("canvas", { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

customElements.define("input-images", InputImages);
