// A grid: one or two parameters of the form are varied, every combination is made, and the cells fill as they come.

import * as api from "./api.js";
import { card } from "./card.js";
import { h, Part } from "./dom.js";
import { isField, ordered } from "./field.js";
import { drawSeed, state } from "./state.js";
import { label, words } from "./words.js";

const MOST = 64;
const AXES = ["across", "down"];
const LOOKED_AT = 50;

class GridTab extends Part {
  #axes = [{ name: "", values: [] }, { name: "", values: [] }];
  #secondsPerCost = null;

  start() {
    this.setup = h("form", { class: "setup", novalidate: true,
      onsubmit: (event) => { event.preventDefault(); this.#make(); } });
    this.grids = h("div");
    this.replaceChildren(this.setup, this.grids);
    this.on(state, "model", () => this.#begin());
    this.on(state, "runs", () => this.#drawGrids());
    this.on(state, "cancel", () => { this.stopped = true; });
    if (state.model) this.#begin();
  }

  #begin() {
    const names = this.#names();
    this.#axes = ["quality", "seed"].map((name) => ({ name: names.includes(name) ? name : "", values: [] }));
    this.#drawSetup();
    this.#drawGrids();
  }

  /** Learn from the pictures made lately how long one takes; called whenever the tab is opened. */
  async refresh() {
    const made = await api.list({ status: "succeeded", model: state.model.id, limit: LOOKED_AT }).catch(() => []);
    const timed = made.filter((one) => one.started_at && one.used.num_inference_steps);
    const seconds = timed.reduce((sum, one) => sum + Math.max(0.5, one.completed_at - one.started_at), 0);
    this.#secondsPerCost = timed.length ? seconds / timed.reduce((sum, one) => sum + cost(one.used), 0) : null;
    this.steps = Object.fromEntries(timed.map((one) => [one.used.quality, one.used.num_inference_steps]));
    this.#estimate();
  }

  #names() {
    return ["prompt", ...ordered(state.schema).filter((name) => isField(name) || name === "seed")];
  }

  #drawSetup() {
    this.submit = h("button", { type: "submit", class: "primary" }, words.gridStart);
    this.sum = h("p", { class: "hint", role: "status" });
    this.setup.replaceChildren(h("p", { class: "lead" }, words.gridLead),
      h("div", { class: "axes" }, AXES.map((axis, i) => this.#axis(axis, i))),
      h("p", { class: "error", role: "alert", hidden: true }), h("div", { class: "row" }, this.submit, this.sum));
    this.#estimate();
  }

  #axis(axis, i) {
    const own = this.#axes[i];
    const values = h("div", { class: "field" });
    const drawValues = () => {
      const property = state.schema.properties[own.name];
      own.values = [];
      if (!own.name) return values.replaceChildren();
      if (property?.enum) {
        values.replaceChildren(h("fieldset", { class: "checks" }, h("legend", {}, words.values),
          property.enum.map((value) => h("label", { class: "check" }, h("input", { type: "checkbox", value,
            onchange: (event) => {
              own.values = property.enum.filter((one) => one === value
                ? event.target.checked : own.values.includes(one));
              this.#estimate();
            } }), value))));
      } else {
        const numeric = ["integer", "number"].includes(property?.type);
        const read = (text) => text.split(numeric ? /[\n,; ]+/ : "\n").map((one) => one.trim()).filter(Boolean)
          .map((one) => (numeric && Number.isFinite(Number(one)) ? Number(one) : one));
        const text = own.name === "seed" ? "1\n2\n3" : own.name === "prompt" ? state.form.values.prompt ?? "" : "";
        own.values = read(text);
        values.replaceChildren(h("label", { for: `values-${axis}` }, words.values),
          h("textarea", { id: `values-${axis}`, rows: 3,
          placeholder: words.valuesHint, ".value": text,
          oninput: (event) => { own.values = [...new Set(read(event.target.value))]; this.#estimate(); } }));
      }
    };
    drawValues();
    return h("div", { class: "axis" }, h("div", { class: "field" }, h("label", { for: `axis-${axis}` }, words[axis]),
      h("select", { id: `axis-${axis}`, onchange: (event) => {
        own.name = event.target.value;
        drawValues();
        this.#estimate();
      } },
        h("option", { value: "" }, words.nothing),
        this.#names().map((name) => h("option", { value: name, ".selected": name === own.name }, label(name))))),
          values);
  }

  /** Every combination as overrides of the form, row by row. */
  #combinations() {
    const [across, down] = this.#axes.map((axis) => (axis.name ? axis : { name: "", values: [null] }));
    const one = (axis, value) => (axis.name ? { [axis.name]: value } : {});
    return down.values.map((y) => across.values.map((x) => ({ ...one(across, x), ...one(down, y) })));
  }

  #problem() {
    const [across, down] = this.#axes;
    if (across.name && across.name === down.name) return words.gridSame;
    if (!this.#axes.some((axis) => axis.name) || this.#axes.some((axis) => axis.name
      && !axis.values.length)) return words.gridEmpty;
    return this.#combinations().flat().length > MOST ? words.gridTooMany(MOST) : null;
  }

  #estimate() {
    if (!this.sum) return;
    const problem = this.#problem();
    this.submit.disabled = problem !== null;
    if (problem) return void (this.sum.textContent = problem);
    const cells = this.#combinations().flat();
    const costs = cells.map((overrides) => {
      const asked = { ...state.form.values, ...overrides };
      const quality = ["low", "high"].includes(asked.quality) ? asked.quality : "medium";
      return cost({ size: asked.size, num_inference_steps: asked.num_inference_steps ?? this.steps?.[quality] });
    });
    const seconds = this.#secondsPerCost && costs.reduce((sum, one) => sum + one, 0) * this.#secondsPerCost;
    const shared = state.schema.properties.seed && !cells[0].seed && !state.form.locked ? ` ${words.gridSeed}` : "";
    const time = seconds ? words.gridTime(seconds) : words.gridNoTime;
    this.sum.textContent = `${words.gridCount(cells.length)}, ${time}.${shared}`;
  }

  async #make() {
    const error = this.setup.querySelector(".error");
    error.hidden = true;
    const [across, down] = this.#axes.map((axis) => ({ ...axis }));
    const rows = this.#combinations();
    const shared = state.schema.properties.seed && !("seed" in rows[0][0])
      && !state.form.locked ? { seed: drawSeed() } : {};
    const run = { ids: [], prompt: state.form.values.prompt ?? "", grid: { across, down } };
    this.submit.disabled = true;
    this.stopped = false;
    try {
      for (const overrides of rows.flat()) {
        if (this.stopped) break;
        run.ids.push(await state.runCell({ ...shared, ...overrides }));
        if (run.ids.length === 1) state.addRun(run);
        else state.keepRuns();
      }
    } catch (problem) {
      error.textContent = problem instanceof api.Offline ? words.offline : problem.message;
      error.hidden = false;
    }
    this.submit.disabled = false;
  }

  #drawGrids() {
    this.grids.replaceChildren(...state.runs.filter((run) => run.grid).map((run) => {
      const { across, down } = run.grid;
      const [xs, ys] = [across.name ? across.values : [""], down.name ? down.values : [""]];
      const cell = (x, y) => run.ids[y * xs.length + x];
      return h("section", { class: "grid" }, h("h3", {}, run.prompt),
        h("div", { class: "sideways", tabindex: 0, role: "group",
        "aria-label": words.gridTable }, h("table", { class: `wide-${Math.min(xs.length, 6)}` },
        h("thead", {}, h("tr", {}, h("td"), xs.map((x) =>
          h("th", { scope: "col" }, across.name && `${label(across.name)}: ${x}`)))),
        h("tbody", {}, ys.map((y, row) => h("tr", {},
          h("th", { scope: "row" }, down.name && `${label(down.name)}: ${y}`),
          xs.map((_, column) => h("td", {}, cell(column, row)
            && card(cell(column, row), { small: true, siblings: () => run.ids })))))))));
    }));
  }
}

/** Megapixels times steps. */
function cost({ size, num_inference_steps: steps = 10 }) {
  const [width, height] = /^\d+x\d+$/.test(size ?? "") ? size.split("x").map(Number) : [1024, 1024];
  return width * height / 1e6 * steps;
}

customElements.define("grid-tab", GridTab);
