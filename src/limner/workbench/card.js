// One generation as a card: waiting, running with its unfinished picture, ready, failed or cancelled.

import * as api from "./api.js";
import { fill, h, icon, iconButton, Part } from "./dom.js";
import { isLive, state } from "./state.js";
import { words } from "./words.js";

/** The kind of data that a picture is when it is dragged: the id of its generation. */
export const DRAGGED = "application/x-limner-generation";

/** The width and height that a generation has or will have. */
export function sizeOf(generation) {
  const [width, height] = (generation.used?.size ?? "1024x1024").split("x").map(Number);
  return { width, height };
}

/** What can be done with a generation that has ended, as buttons; a narrow card shows their drawings only. */
export function actions(generation) {
  const { generation_id: id, result_url: url, status, favourite = false } = generation;
  const act = (name, label, onclick, more = {}, tag = "button") => h(tag, { type: tag === "button" && tag, onclick,
    class: `button act ${name}`, title: label, "aria-label": label, ...more }, icon(name), h("span", {}, label));
  const chosen = state.chosen.includes(id);
  return [
    url && [
      act("star", words.favourite, () => state.setFavourite(id, !favourite), { "aria-pressed": favourite }),
      act("compare", words.compare, () => state.choose(id, !chosen), { "aria-pressed": chosen }),
      act("brush", words.edit, () => state.useAsInput(generation), { title: words.editHint }),
      act("download", words.download, () => {}, { href: api.lasting(url),
        download: `${id}.${generation.used.output_format}` }, "a"),
    ],
    ["failed", "cancelled"].includes(status) && act("redo", words.retry, () => state.retry(generation)),
    generation.parameters && act("sliders", words.restore, () => state.restore(generation)),
  ].flat().filter(Boolean);
}

class GenerationCard extends Part {
  /** `small`: show the thumbnail; `captioned`: and the prompt; `siblings` answers the ids to leaf through. */
  configure(id, { small = false, captioned = false, siblings = null } = {}) {
    Object.assign(this, { gid: id, small, captioned, siblings });
    return this;
  }

  start() {
    this.on(state, this.gid, () => this.draw());
    this.on(state, "chosen", () => this.draw());
    this.draw();
  }

  draw() {
    const generation = state.generations.get(this.gid);
    if (!generation) return this.replaceChildren(h("div", { class: "frame" }, h("p", { class: "why" }, words.gone)));
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
      const image = h("img", { src, alt: generation.prompt, width, height, decoding: "async",
        onload: () => { unfinished?.remove(); generation.preview = null; frame.classList.add("there"); },
        loading: this.small && "lazy", onerror: () => frame.replaceChildren(h("p", { class: "why" }, words.gone)) });
      if (unfinished) frame.append(unfinished);
      frame.append(h("a", { class: "picture", "aria-label": `${words.open}: ${generation.prompt}`,
        href: api.lasting(generation.result_url), onclick: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a tab or window of its own
          event.preventDefault();
          document.querySelector("generation-dialog").open(this.gid, this.siblings?.() ?? [this.gid]);
        }, ondragstart: (event) => {
          event.dataTransfer.setData(DRAGGED, this.gid);
          state.tell("dragged");
        } }, image));
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
    return h("div", { class: "bar" },
      !this.small && generation.result_url && h("p", { class: "hint" }, words.madeWith(generation.used,
        generation.completed_at - generation.started_at)),
      isLive(generation) ? iconButton("close", words.cancel, () => state.cancel([this.gid])) : actions(generation));
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
