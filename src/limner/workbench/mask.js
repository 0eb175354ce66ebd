// Painting the mask over the first input image: what is painted is transparent in the mask and drawn anew.
// With a mouse, a finger, a pen, or the keys.

import * as api from "./api.js";
import { h, icon, Part, switchOf } from "./dom.js";
import { state } from "./state.js";
import { words } from "./words.js";

const KEPT_STEPS = 30;
const COLOUR = "#e0245e";
const TOOLS = ["brush", "eraser", "rectangle"];
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class MaskDialog extends Part {
  start() {
    this.dialog = h("dialog", { class: "mask", "aria-labelledby": "mask-title" });
    this.replaceChildren(this.dialog);
  }

  async open(url) {
    this.image = h("img", { src: url, alt: words.inputAlt(1) });
    await this.image.decode();
    const [width, height] = [this.image.naturalWidth, this.image.naturalHeight];
    Object.assign(this, { url, tool: "brush", size: 12, steps: [], at: { x: width / 2, y: height / 2 }, from: null });
    this.canvas = h("canvas", { width, height, tabindex: 0, role: "application", "aria-label": words.canvas,
      "aria-describedby": "mask-hint" });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (state.form.mask) await this.#load(state.form.mask);
    this.cursor = h("div", { class: "cursor", hidden: true });
    const stage = h("div", { class: "stage" }, this.image, this.canvas, this.cursor);
    stage.style.aspectRatio = `${width} / ${height}`;
    stage.style.setProperty("--ratio", width / height);
    this.error = h("p", { class: "error", role: "alert", hidden: true });
    this.dialog.replaceChildren(
      h("header", {}, h("h2", { id: "mask-title" }, words.maskTitle)),
      h("div", { class: "row wrap" },
        switchOf(words.maskTitle, "mask-tool", TOOLS.map((name) => [name, words[name]]), this.tool,
          (tool) => { this.tool = tool; }),
        h("label", { class: "check" }, words.brushSize,
          h("input", { type: "range", min: 1, max: 50, ".value": this.size,
          oninput: (event) => { this.size = Number(event.target.value); this.#point(); } })),
        h("button", { type: "button", onclick: () => this.#undo() }, icon("undo"), words.undo),
        h("button", { type: "button", onclick: () => this.#invert() }, words.invert),
        h("button", { type: "button", onclick: () => this.#wipe() }, words.clear)),
      h("div", { class: "easel" }, stage), h("p", { class: "hint", id: "mask-hint" }, words.maskHint), this.error,
      h("footer", { class: "row" },
        h("button", { type: "button", class: "primary", onclick: (event) => this.#use(event.currentTarget) },
          words.useMask),
        h("button", { type: "button", class: "quiet", onclick: () => this.dialog.close() }, words.close)));
    this.#listen();
    this.dialog.showModal();
    this.canvas.focus();
  }

  /** Bring back a mask that was set before, to go on with. */
  async #load(url) {
    const mask = h("img", { src: url });
    await mask.decode().catch(() => null);
    if (!mask.naturalWidth) return;
    const { width, height } = this.canvas;
    this.#fill();
    this.context.globalCompositeOperation = "destination-out";
    this.context.drawImage(mask, 0, 0, width, height);
    this.context.globalCompositeOperation = "source-over";
  }

  #listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#keep();
      this.at = this.from = this.#place(event);
      if (this.tool !== "rectangle") this.#stroke(this.at, this.at, event);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = this.at;
      this.at = this.#place(event);
      this.#point();
      if (!this.from) return;
      if (this.tool === "rectangle") this.#rectangle();
      else this.#stroke(before, this.at, event);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.from = null; });
    canvas.addEventListener("pointerleave", () => { this.cursor.hidden = true; });
    canvas.addEventListener("focus", () => this.#point());
    canvas.addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    const move = MOVES[event.key];
    if ((event.ctrlKey || event.metaKey) && event.key === "z") this.#undo();
    else if (move) {
      const step = Math.max(1, this.radius * (event.shiftKey ? 4 : 1));
      const hold = (value, most) => Math.min(most, Math.max(0, value));
      this.at = { x: hold(this.at.x + move[0] * step, this.canvas.width),
        y: hold(this.at.y + move[1] * step, this.canvas.height) };
    } else if (event.key === " ") {
      this.#keep();
      this.from = this.tool === "rectangle" && !this.from ? this.at : null;
      if (this.tool !== "rectangle") this.#stroke(this.at, this.at);
    } else return;
    event.preventDefault();
    if (this.from && this.tool === "rectangle") this.#rectangle();
    this.#point();
  }

  get radius() {
    return this.size / 100 * Math.min(this.canvas.width, this.canvas.height) / 2;
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * this.canvas.width,
      y: (event.clientY - box.top) / box.height * this.canvas.height };
  }

  /** Show where the brush is and how large. */
  #point() {
    const scale = this.canvas.clientWidth / this.canvas.width;
    const side = Math.max(4, this.radius * 2 * scale);
    Object.assign(this.cursor.style, { width: `${side}px`, height: `${side}px`,
      transform: `translate(${this.at.x * scale - side / 2}px, ${this.at.y * scale - side / 2}px)` });
    this.cursor.hidden = false;
  }

  #stroke(from, to, event = null) {
    const { context } = this;
    const pressure = event?.pointerType === "pen" && event.pressure ? 0.4 + event.pressure * 0.6 : 1;
    context.globalCompositeOperation = this.tool === "eraser" ? "destination-out" : "source-over";
    Object.assign(context, { strokeStyle: COLOUR, lineWidth: this.radius * 2 * pressure, lineCap: "round" });
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  #rectangle() {
    const { from, at, context } = this;
    context.putImageData(this.steps.at(-1), 0, 0);
    context.fillStyle = COLOUR;
    context.fillRect(from.x, from.y, at.x - from.x, at.y - from.y);
  }

  #pixels() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  #keep() {
    this.steps = [...this.steps, this.#pixels()].slice(-KEPT_STEPS);
    this.error.hidden = true;
  }

  #undo() {
    this.from = null;
    const before = this.steps.pop();
    if (before) this.context.putImageData(before, 0, 0);
  }

  #fill() {
    this.context.fillStyle = COLOUR;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #invert() {
    this.#keep();
    this.context.globalCompositeOperation = "source-out";
    this.#fill();
    this.context.globalCompositeOperation = "source-over";
  }

  #wipe() {
    this.#keep();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  async #use(button) {
    if (button.getAttribute("aria-busy")) return;
    const pixels = this.#pixels();
    let painted = false;
    for (let i = 0; i < pixels.data.length; i += 4) {
      const inside = pixels.data[i + 3] > 127; // no half-transparent edge: a pixel is drawn anew or it stays
      painted ||= inside;
      pixels.data.set([0, 0, 0, inside ? 0 : 255], i);
    }
    if (!painted) return this.#complain(words.maskEmpty);
    const out = h("canvas", { width: this.canvas.width, height: this.canvas.height });
    out.getContext("2d").putImageData(pixels, 0, 0);
    button.setAttribute("aria-busy", "true");
    try {
      const mask = await api.upload(state.session.namespace,
        await new Promise((resolve) => out.toBlob(resolve, "image/png")));
      state.change({ mask });
      this.dialog.close();
      state.say(words.maskSet);
      document.getElementById("field-prompt").select();
    } catch (error) {
      this.#complain(error.message);
    }
    button.removeAttribute("aria-busy");
  }

  #complain(message) {
    this.error.textContent = message;
    this.error.hidden = false;
  }
}

customElements.define("mask-dialog", MaskDialog);
