// Pictures one can look into: side by side, under a slider, or as their difference; zoom and place are linked.
// It shows what it is given and knows no generation.

import { h, iconButton, Part } from "./dom.js";
import { words } from "./words.js";

const STEP = 1.25;
const MOST = 16;
const KEYS = { "+": [STEP, 0, 0], "=": [STEP, 0, 0], "-": [1 / STEP, 0, 0], ArrowLeft: [1, 40, 0],
  ArrowRight: [1, -40, 0], ArrowUp: [1, 0, 40], ArrowDown: [1, 0, -40] };
const THRESHOLD = 8;

class PictureView extends Part {
  #place = { scale: 1, x: 0, y: 0 };
  #pointers = new Map();

  /** `pictures` are {src, label, alt}; `ratio` is width / height of all; `mode` is side, slider or difference. */
  show(pictures, ratio, mode) {
    const same = this.mode === mode && JSON.stringify(pictures) === JSON.stringify(this.pictures);
    Object.assign(this, { pictures, ratio, mode });
    if (this.isConnected && !same) this.start();
  }

  start() {
    if (!this.pictures) return;
    const { pictures, mode } = this;
    const frames = mode === "side" || pictures.length < 2
      ? pictures.map((picture) => this.#frame([picture])) : [this.#frame(pictures.slice(0, 2))];
    const [first] = frames;
    if (mode === "slider" && pictures.length > 1) this.#addSlider(first);
    this.note = h("p", { class: "hint", role: "status" },
      matchMedia("(hover: none)").matches ? words.zoomTouch : words.zoomHint);
    this.replaceChildren(h("div", { class: `frames ${mode} of-${frames.length}` }, frames),
      h("div", { class: "row zoom" }, this.note,
        iconButton("minus", words.zoomOut, () => this.#zoom(1 / STEP)),
        iconButton("plus", words.zoomIn, () => this.#zoom(STEP)),
        h("button", { type: "button", class: "quiet", onclick: () => this.#move(1, null) }, words.fit)));
    this.#move(1, null);
    if (mode === "difference" && pictures.length > 1) this.#measure(first);
  }

  #frame(pictures) {
    const labels = pictures.map((picture) => picture.label);
    const layers = pictures.map((picture) => h("div", { class: "layer" }, h("img", { class: "plane", src: picture.src,
      alt: picture.alt ?? picture.label, draggable: "false" })));
    const box = h("div", { class: "look", tabindex: 0, role: "group",
      "aria-label": words.both(labels) || pictures[0].alt }, layers);
    box.style.aspectRatio = this.ratio;
    box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const at = box.getBoundingClientRect();
      this.#zoom(Math.exp(-event.deltaY / 400), event.clientX - at.left - at.width / 2,
        event.clientY - at.top - at.height / 2);
    }, { passive: false });
    box.addEventListener("keydown", (event) => {
      if (event.key === "0") return this.#move(1, null);
      if (!KEYS[event.key] || event.target !== box) return;
      event.preventDefault();
      const [factor, x, y] = KEYS[event.key];
      factor === 1 ? this.#move(this.#place.scale, x, y) : this.#zoom(factor);
    });
    box.addEventListener("dblclick", () => (this.#place.scale > 1 ? this.#move(1, null) : this.#zoom(2)));
    box.addEventListener("pointerdown", (event) => {
      if (event.target.matches("input")) return;
      box.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
    });
    box.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end,
      (event) => this.#pointers.delete(event.pointerId));
    return h("figure", {}, box, h("figcaption", {}, labels.map((label) => h("span", {}, label))));
  }

  #addSlider(figure) {
    const box = figure.querySelector(".look");
    const top = box.querySelector(".layer:last-of-type");
    const line = h("div", { class: "divider" });
    const range = h("input", { type: "range", min: 0, max: 100, step: 0.1, ".value": 50, "aria-label": words.divider });
    const cut = () => {
      top.style.clipPath = `inset(0 0 0 ${range.value}%)`;
      line.style.left = `${range.value}%`;
    };
    range.addEventListener("input", cut);
    box.append(line, range);
    cut();
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    this.#pointers.set(event.pointerId, event);
    if (this.#pointers.size === 1) return this.#move(this.#place.scale, event.clientX - before.clientX,
      event.clientY - before.clientY);
    const other = [...this.#pointers.values()].find((one) => one.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    this.#zoom(apart(event) / Math.max(1, apart(before)));
  }

  /** Zoom by a factor around a point, given from the middle of the picture. */
  #zoom(factor, x = 0, y = 0) {
    const { scale } = this.#place;
    const next = Math.min(MOST, Math.max(1, scale * factor));
    const real = next / scale - 1;
    this.#move(next, (this.#place.x - x) * real, (this.#place.y - y) * real);
  }

  #move(scale, dx, dy = 0) {
    const box = this.querySelector(".look");
    if (!box) return;
    const hold = (value, size) => Math.max(-size, Math.min(size, value));
    const [w, t] = [box.clientWidth * (scale - 1) / 2, box.clientHeight * (scale - 1) / 2];
    this.#place = dx === null ? { scale: 1, x: 0, y: 0 }
      : { scale, x: hold(this.#place.x + dx, w), y: hold(this.#place.y + dy, t) };
    const { x, y } = this.#place;
    const moved = `translate(${x}px, ${y}px) scale(${scale})`;
    for (const plane of this.querySelectorAll(".plane")) plane.style.transform = moved;
  }

  /** Say in a number what the difference shows. */
  async #measure(figure) {
    const images = [...figure.querySelectorAll("img")];
    try {
      await Promise.all(images.map((image) => image.decode()));
    } catch {
      return; // a picture that cannot be read shows itself as such
    }
    const [a, b] = images.map((image) => [image.naturalWidth, image.naturalHeight]);
    if (String(a) !== String(b)) return void (this.note.textContent = words.sizesDiffer);
    const [one, two] = images.map((image) => {
      const context = h("canvas", { width: a[0], height: a[1] }).getContext("2d");
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, a[0], a[1]).data;
    });
    let differing = 0;
    for (let i = 0; i < one.length; i += 4) {
      if ([0, 1, 2, 3].some((channel) => Math.abs(one[i + channel] - two[i + channel]) > THRESHOLD)) differing += 1;
    }
    this.note.textContent = words.differing((differing / one.length * 400).toFixed(1));
  }
}

customElements.define("picture-view", PictureView);
