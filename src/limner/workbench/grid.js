// A grid: one or two parameters of the form are varied, every combination is made, and the cells fill as they come.

import * as api from "./api.js";
import { card } from "./card.js";
import { h, icon, Part } from "./dom.js";
import { isField, ordered } from "./field.js";
import { drawSeed, makeKey, state } from "./state.js";
import { label, words } from "./words.js";

const MOST = 64;
const AXES = ["across", "down"];
const LOOKED_AT = 50;

class GridTab extends Part {
  #axes = [{ name: "", values: [] }, { name: "", values: [] }];
  #secondsPerCost = null;
  #queueing = new Set();

  start() {
    this.setup = h("form", { class: "setup", novalidate: true,
      onsubmit: (event) => { event.preventDefault(); this.#make(); } });
    this.grids = h("div");
    this.replaceChildren(this.setup, this.grids);
    this.on(state, "model", () => this.#begin());
    this.on(state, "runs", () => this.#drawGrids());
    this.on(state, "cancel", () => {
      for (const { grid } of state.runs) if (this.#queueing.has(grid?.key)) grid.stopped = words.gridStopped;
    });
    if (state.model) this.#begin();
    this.on(state, "back", () => this.#goOn());
    this.#goOn();
  }

  /** Queue what a reload or a lost connection has left. */
  #goOn() {
    for (const run of state.runs) if (run.grid && [null, words.offline].includes(run.grid.stopped)) this.#queue(run);
  }

  #begin() {
    this.#axes = [this.#names().includes("quality") ? "quality" : "seed", ""].map((name) => ({ name, values: [] }));
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
        own.values = property.enum.filter((value) => value !== "auto");
        values.replaceChildren(h("fieldset", { class: "checks" }, h("legend", {}, words.values),
          property.enum.map((value) => h("label", { class: "check" }, h("input", { type: "checkbox", value,
            ".checked": own.values.includes(value), onchange: (event) => {
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

  #problem() {
    const [across, down] = this.#axes;
    if (across.name && across.name === down.name) return words.gridSame;
    if (!this.#axes.some((axis) => axis.name) || this.#axes.some((axis) => axis.name
      && !axis.values.length)) return words.gridEmpty;
    return combine(...this.#axes).length > MOST ? words.gridTooMany(MOST) : null;
  }

  #estimate() {
    if (!this.sum) return;
    const problem = this.#problem();
    this.submit.disabled = problem !== null;
    if (problem) return void (this.sum.textContent = problem);
    const cells = combine(...this.#axes);
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
    const [across, down] = this.#axes.map((axis) => ({ ...axis }));
    const [first] = combine(across, down);
    const shared = state.schema.properties.seed && !("seed" in first) && !state.form.locked ? { seed: drawSeed() } : {};
    const run = { ids: [], prompt: state.form.values.prompt ?? "",
      grid: { across, down, body: state.body(shared), key: makeKey(), stopped: null } };
    state.addRun(run);
    await this.#queue(run);
    const error = this.setup.querySelector(".error");
    error.hidden = run.ids.length > 0;
    if (run.ids.length) return this.grids.firstChild.scrollIntoView({ behavior: "smooth", block: "nearest" });
    error.textContent = run.grid.stopped;
    state.dropRun(run);
  }

  /** Queue the cells that are not yet, each under a key of its own, so that neither a reload nor a lost answer makes
      one twice. */
  async #queue(run) {
    const { grid, ids } = run;
    if (this.#queueing.has(grid.key)) return;
    const cells = combine(grid.across, grid.down);
    grid.stopped = null;
    this.#queueing.add(grid.key);
    try {
      while (ids.length < cells.length && !grid.stopped) {
        ids.push(await state.runCell({ ...grid.body, ...cells[ids.length] }, `${grid.key}-${ids.length}`));
        state.keepRuns();
      }
    } catch (error) {
      grid.stopped = error.message;
    }
    this.#queueing.delete(grid.key);
    state.keepRuns();
  }

  #drawGrids() {
    const drawn = new Map([...this.grids.children].map((element) => [element.dataset.shown, element]));
    this.grids.replaceChildren(...state.runs.filter((run) => run.grid).map((run) => {
      const shown = JSON.stringify([run.grid.key, run.ids, run.grid.stopped]);
      return drawn.get(shown) ?? this.#drawGrid(run, shown);
    }));
  }

  #drawGrid(run, shown) {
    const { across, down, stopped } = run.grid;
    const [xs, ys] = [across, down].map((axis) => (axis.name ? axis.values : [""]));
    const head = (axis, value) => axis.name && `${label(axis.name)}: ${value}`;
    const cell = (at) => (run.ids[at] ? card(run.ids[at], { small: true, siblings: () => run.ids })
      : h("div", { class: "frame unqueued" }));
    return h("section", { class: "grid", "data-shown": shown },
      h("header", { class: "row" }, h("h3", {}, run.prompt),
        h("button", { type: "button", onclick: () => state.compare(run.ids) }, icon("compare"), words.compareThese)),
      stopped && h("p", { class: "row wrap", role: "status" }, words.gridQueued(run.ids.length, xs.length * ys.length),
        " ", stopped, h("button", { type: "button", onclick: () => this.#queue(run) }, words.gridRest)),
      h("div", { class: "sideways", tabindex: 0, role: "group", "aria-label": words.gridTable }, h("table", {},
        h("thead", {}, h("tr", {}, down.name && h("td"), xs.map((x) => h("th", { scope: "col" }, head(across, x))))),
        h("tbody", {}, ys.map((y, row) => h("tr", {}, down.name && h("th", { scope: "row" }, head(down, y)),
          xs.map((_, column) => h("td", {}, cell(row * xs.length + column)))))))));
  }
}

/** Every combination of the values of two axes, one without a name being none, row by row. */
function combine(across, down) {
  const one = ({ name, values }) => (name ? values.map((value) => ({ [name]: value })) : [{}]);
  return one(down).flatMap((y) => one(across).map((x) => ({ ...x, ...y })));
}

/** Megapixels times steps. */
function cost({ size, num_inference_steps: steps = 10 }) {
  const [width, height] = /^\d+x\d+$/.test(size ?? "") ? size.split("x").map(Number) : [1024, 1024];
  return width * height / 1e6 * steps;
}

customElements.define("grid-tab", GridTab);
