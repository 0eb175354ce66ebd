// One generation as a card: waiting, running with its unfinished picture, ready, failed or cancelled.

import * as api from "./api.js";
import { fill, h, icon, iconButton, Part } from "./dom.js";
import { isLive, state } from "./state.js";
import { words } from "./words.js";

/** The width and height that a generation has or will have. */
export function sizeOf(generation) {
  const [width, height] = (generation.used?.size ?? "1024x1024").split("x").map(Number);
  return { width, height };
}

/** What can be done with a generation that has ended, as buttons. */
export function actions(generation, { wide = false } = {}) {
  const id = generation.generation_id;
  const button = (name, label, act, more = {}) => (wide
    ? h("button", { type: "button", onclick: act, ...more }, icon(name), label)
    : iconButton(name, label, act, more));
  const chosen = state.chosen.includes(id);
  const made = generation.result_url && [
    button("star", words.favourite, () => state.setFavourite(id, !generation.favourite),
      { "aria-pressed": generation.favourite ?? false }),
    button("compare", words.addToCompare, () => state.choose(id, !chosen), { "aria-pressed": chosen }),
    button("reply", words.useAsInput, () => state.useAsInput(generation)),
    h("a", { class: wide ? "button" : "button quiet only-icon", href: api.lasting(generation.result_url),
      download: `${id}.${generation.used.output_format}`, title: words.download, "aria-label": words.download },
    icon("download"), wide && words.download),
  ];
  const again = ["failed", "cancelled"].includes(generation.status)
    && button("redo", words.retry, () => state.retry(generation));
  const restore = generation.parameters && button("sliders", words.restore, () => state.restore(generation));
  return [made, again, restore].flat().filter(Boolean);
}

class GenerationCard extends Part {
  /** `small`: show the thumbnail; `captioned`: and the prompt; `siblings` answers the ids to leaf through. */
  configure(id, { small = false, captioned = false, siblings = null } = {}) {
    Object.assign(this, { gid: id, small, captioned, siblings });
    return this;
  }

  start() {
    this.on(state, "generation", (event) => event.detail === this.gid && this.draw());
    this.on(state, "chosen", () => this.draw());
    this.draw();
  }

  draw() {
    const generation = state.generations.get(this.gid);
    if (!generation) return;
    const { status, result_url: url, preview, favourite, error_message: why } = generation;
    const chosen = state.chosen.includes(this.gid);
    const shown = JSON.stringify([status, url?.split("?")[0], preview, favourite, why, chosen]);
    this.dataset.status = generation.status;
    if (shown !== this.shown) {
      const held = this.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
      this.shown = shown;
      fill(this, this.#frame(generation),
        this.captioned && h("p", { class: "caption", title: generation.prompt }, generation.prompt),
        this.#bar(generation));
      if (held) (this.querySelector(`[aria-label="${CSS.escape(held)}"]`) ?? this.querySelector("button"))?.focus();
    }
    if (isLive(generation)) this.#report(generation);
  }

  #frame(generation) {
    const { width, height } = sizeOf(generation);
    const frame = h("div", { class: "frame" });
    frame.style.aspectRatio = `${width} / ${height}`;
    if (generation.result_url) {
      const src = this.small ? api.thumbnailUrl(this.gid) : api.lasting(generation.result_url);
      const unfinished = generation.preview && h("img", { src: generation.preview, alt: "", class: "partial" });
      const image = h("img", { src, alt: generation.prompt, decoding: "async", width, height,
        onload: () => { unfinished?.remove(); generation.preview = null; },
        onerror: () => frame.replaceChildren(h("p", { class: "why" }, words.gone)) });
      const open = () => document.querySelector("generation-dialog").open(this.gid, this.siblings?.() ?? [this.gid]);
      if (unfinished) frame.append(unfinished);
      frame.append(h("button", { type: "button", class: "picture", "aria-label": `${words.open}: ${generation.prompt}`,
        onclick: open }, image));
    } else if (isLive(generation)) {
      if (generation.preview) frame.append(h("img", { src: generation.preview, alt: words.partial, class: "partial" }));
      frame.append(h("div", { class: "waiting" }, h("p"),
        h("progress", { max: 1, "aria-label": words.progress, hidden: true })));
    } else {
      const why = { failed: generation.error_message, cancelled: generation.error_message ?? words.cancelled };
      frame.append(h("p", { class: "why" }, why[generation.status] ?? words.gone));
    }
    return frame;
  }

  #bar(generation) {
    if (isLive(generation)) {
      return h("div", { class: "bar" }, iconButton("close", words.cancel, () => state.cancel([this.gid])));
    }
    return h("div", { class: "bar" }, actions(generation));
  }

  #report(generation) {
    const [text, progress] = this.querySelectorAll(".waiting > p, .waiting > progress");
    const { position, eta_seconds: eta, progress: at, since } = generation;
    if (generation.status === "queued") {
      const parts = [words.queued, position !== undefined && position !== null && words.ahead(position),
        eta !== undefined && eta !== null && words.left(eta)];
      text.textContent = parts.filter(Boolean).join(" · ");
      return;
    }
    progress.hidden = !at;
    if (!at) return void (text.textContent = words.starting);
    progress.value = at.step / at.of;
    const ran = Date.now() - (since ?? generation.started_at * 1000);
    const left = ran > 0 && at.step > 1 && at.step < at.of ? ran / at.step * (at.of - at.step) / 1000 : null;
    text.textContent = [words.step(at.step, at.of), left !== null && words.left(left)].filter(Boolean).join(" · ");
  }
}

customElements.define("generation-card", GenerationCard);

/** A card of this generation. */
export const card = (id, options) => document.createElement("generation-card").configure(id, options);
