// What the page knows: the session, the models, the form, the generations. It asks the server through api.js, keeps
// what must outlive a reload, and tells its listeners: `model`, `form`, `runs`, `generation`, `chosen`, `say` and more.

import * as api from "./api.js";
import { words } from "./words.js";

const ENDED = ["succeeded", "failed", "cancelled"];
const LOOK_MS = 2000;
const KEPT_RUNS = 12;
const MOST_CHOSEN = 6;
export const PREVIEWS = 3;

export const isLive = (generation) => !ENDED.includes(generation.status);

class State extends EventTarget {
  session = null;
  models = [];
  model = null;
  form = { values: {}, seed: null, locked: false, count: 1, inputs: [], mask: null };
  /** What was run from this page, newest first: {ids, prompt}, and of a grid the place of each in `ids` and `grid`. */
  runs = [];
  generations = new Map();
  chosen = [];
  #last = null;
  #attempt = { text: "", key: "" };
  #stop = null;

  tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Show for a moment, and read aloud. */
  say(text) {
    this.tell("say", text);
  }

  /** Read aloud what can be seen anyway. */
  announce(text) {
    this.tell("announce", text);
  }

  /** Read what was kept of this namespace, and go on from there. */
  async begin() {
    this.form = { ...this.form, ...read(localStorage, this.#name("form")) };
    this.runs = read(sessionStorage, this.#name("runs")) ?? [];
    this.chosen = read(sessionStorage, this.#name("chosen")) ?? [];
    this.#last = read(sessionStorage, this.#name("last"));
    this.models = await api.getModels();
    const asked = new URLSearchParams(location.search).get("model") ?? this.form.model;
    await this.chooseModel(asked ?? this.models[0]?.id);
    await this.#refresh(new Set([...this.runs.flatMap((run) => run.ids), ...this.chosen]));
    this.#stop = api.follow(this.#last, (kind, data, id) => this.#hear(kind, data, id));
    this.#look();
  }

  end() {
    this.#stop?.();
    this.#stop = null;
  }

  /** After a time without the server: look where everything stands. */
  async recover() {
    this.end();
    this.#stop = api.follow(this.#last, (kind, data, id) => this.#hear(kind, data, id));
    this.tell("back");
    await this.#refresh(this.live());
  }

  async chooseModel(id) {
    if (!id) return;
    try {
      this.model = await api.getModel(id);
    } catch (error) {
      if (error.status !== 404 || !this.models.length) throw error;
      this.say(words.unknownModel(id));
      this.model = await api.getModel(this.models[0].id);
    }
    this.change({ model: this.model.id });
    this.tell("model");
  }

  /** Change the form and keep it. */
  change(parts) {
    Object.assign(this.form, parts);
    write(localStorage, this.#name("form"), this.form);
    this.tell("form");
  }

  setValue(name, value) {
    this.change({ values: { ...this.form.values, [name]: value } });
  }

  get schema() {
    return this.model?.request_schema ?? { properties: {} };
  }

  /** The call that the form stands for, without how many: only what differs from the model's defaults. */
  body(overrides = {}) {
    const { values, inputs, mask, seed, locked } = this.form;
    const asked = { ...values, ...(locked && seed !== null ? { seed } : {}), ...overrides };
    const body = { model: this.model.id, prompt: asked.prompt ?? "" };
    if (inputs.length) body.input_image = inputs.length === 1 ? inputs[0] : inputs;
    if (inputs.length && mask && this.schema.properties.mask) body.mask = mask;
    for (const [name, property] of Object.entries(this.schema.properties)) {
      const value = asked[name];
      if (name in body || name === "mask" || name === "input_image") continue;
      if (value !== undefined && value !== null && value !== "" && value !== property.default) body[name] = value;
    }
    return body;
  }

  /** Queue what the form shows. The same call sent again after a lost answer makes nothing twice. */
  async run(body = { ...this.body(), num_generations: this.form.count, partial_images: PREVIEWS }) {
    const queued = await this.#enqueue(body);
    this.addRun({ ids: queued.map((one) => one.generation_id), prompt: body.prompt });
    this.announce(words.queuedSay(queued.length));
  }

  async #enqueue(body, key = null) {
    const text = JSON.stringify(body);
    if (!key && text !== this.#attempt.text) this.#attempt = { text, key: makeKey() };
    const queued = await api.enqueue(body, key ?? this.#attempt.key);
    if (!key) this.#attempt = { text: "", key: "" };
    for (const one of queued) {
      this.put({ ...one, prompt: body.prompt, model_name: body.model, parameters: body, used: {}, warnings: [] });
    }
    this.#refresh(queued.map((one) => one.generation_id));
    return queued;
  }

  /** Queue one cell of a grid, under the same `key` never twice; answers its id. */
  async runCell(body, key) {
    const [queued] = await this.#enqueue({ ...body, partial_images: 1 }, key);
    return queued.generation_id;
  }

  /** Ask again for what a generation asked for. */
  async retry(generation) {
    const { body, lost } = await this.#callOf(generation);
    if (lost) this.say(words.inputsLost);
    else await this.run(body);
  }

  addRun(run) {
    this.runs = [run, ...this.runs].slice(0, KEPT_RUNS);
    this.keepRuns();
  }

  dropRun(run) {
    this.runs = this.runs.filter((other) => other !== run);
    this.keepRuns();
  }

  keepRuns() {
    write(sessionStorage, this.#name("runs"), this.runs);
    this.tell("runs");
  }

  /** Take in what is known of a generation. */
  put(generation) {
    const known = this.generations.get(generation.generation_id);
    if (known && !isLive(known) && isLive(generation)) return; // an answer that was overtaken by an event
    this.generations.set(generation.generation_id, { preview: known?.preview, since: known?.since, ...generation });
    this.tell("generation", generation.generation_id);
    this.tell(generation.generation_id); // to its own cards alone: a hundred are read at a time
  }

  #patch(id, parts) {
    const known = this.generations.get(id);
    if (known && isLive(known)) this.put({ ...known, ...parts });
  }

  async cancel(ids) {
    this.tell("cancel");
    await Promise.all(ids.map((id) => api.cancel(id)));
    await this.#refresh(ids);
    this.announce(words.cancelledSay);
  }

  live() {
    return this.runs.flatMap((run) => run.ids).filter((id) =>
      isLive(this.generations.get(id) ?? { status: "cancelled" }));
  }

  async setFavourite(id, on) {
    this.put(await api.setFavourite(id, on));
  }

  async remove(ids) {
    for (const id of ids) {
      await api.remove(id);
      this.generations.delete(id);
    }
    this.#forget(ids);
    this.tell("removed", ids);
  }

  /** Put a generation's own settings back into the form; tells whether an input could not be brought back. */
  async restore(generation) {
    const { body, lost } = await this.#callOf(generation);
    const { model, prompt, input_image: inputs = [], mask = null, seed: _, ...values } = body;
    const properties = (await api.getModel(model)).request_schema.properties;
    const known = Object.fromEntries(Object.entries(values).filter(([name]) => name in properties));
    const seed = generation.used.seed ?? generation.seed ?? null;
    this.change({ values: { ...known, prompt }, inputs, mask, seed, locked: seed !== null, count: 1 });
    await this.chooseModel(model);
    this.tell("restored");
    this.say(lost ? words.inputsLost : words.restored);
  }

  /** What a generation asked for, as a call to send again: images that were sent inside it get addresses. */
  async #callOf(generation) {
    const { num_generations: _, n: __, input_image: inputs, mask, ...body } = generation.parameters;
    let lost = false;
    const find = async (source, name) => {
      if (source.includes("/api/repos/")) return api.lasting(source);
      try {
        return await api.upload(this.session.namespace,
          await api.fetchPicture(api.inputUrl(generation.generation_id, name)));
      } catch (error) {
        if (error.status !== 404) throw error;
        lost = true;
        return null;
      }
    };
    if (inputs) body.input_image = (await Promise.all([inputs].flat().map(find))).filter(Boolean);
    if (mask && !lost) body.mask = await find(mask, "mask");
    return { body, lost };
  }

  useAsInput(generation) {
    const most = inputLimit(this.schema);
    const inputs = [api.lasting(generation.result_url), ...(most > 1 ? this.form.inputs : [])].slice(0, most);
    this.change({ inputs, mask: null });
    this.tell("restored");
    this.say(words.nowInput);
  }

  choose(id, on) {
    this.chosen = on ? [...this.chosen, id].slice(-MOST_CHOSEN) : this.chosen.filter((other) => other !== id);
    this.#keepChosen();
    if (on) this.say(words.chosen(this.chosen.length));
  }

  /** Show these next to each other, and no others. */
  compare(ids) {
    this.chosen = ids.slice(0, MOST_CHOSEN);
    this.#keepChosen();
    this.tell("compared");
    if (ids.length > MOST_CHOSEN) this.say(words.firstOnly(MOST_CHOSEN));
  }

  #keepChosen() {
    write(sessionStorage, this.#name("chosen"), this.chosen);
    this.tell("chosen");
  }

  async #refresh(ids) {
    await Promise.all([...ids].map(async (id) => {
      try {
        this.put(await api.getGeneration(id));
      } catch (error) {
        if (error.status === 404) this.#forget([id]);
        else if (!(error instanceof api.Offline)) throw error;
      }
    }));
  }

  #forget(gone) {
    const rest = (ids) => ids.filter((id) => !gone.includes(id));
    this.chosen = rest(this.chosen);
    this.runs = this.runs.map((run) => (run.grid ? run : { ...run, ids: rest(run.ids) }))
      .filter((run) => run.grid || run.ids.length);
    this.#keepChosen();
    this.keepRuns();
  }

  #hear(kind, data, id) {
    if (id !== null && id !== this.#last) write(sessionStorage, this.#name("last"), this.#last = id);
    const about = data.generation_id;
    if (kind === "open" || kind === "gap") this.#refresh(this.live());
    else if (kind === "lost") this.tell("lost");
    else if (!this.generations.has(about)) return; // another page or program made it
    else if (kind === "started") this.#patch(about, { status: "processing", position: null, since: Date.now() });
    else if (kind === "progress") this.#patch(about,
      { status: "processing", progress: { step: data.step, of: data.of } });
    else if (kind === "partial_image") this.#patch(about, { preview: api.lasting(data.url) });
    else {
      const { prompt } = this.generations.get(about);
      if (data.status === "succeeded") this.announce(words.ready(prompt));
      if (data.status === "failed") this.announce(words.failedSay(data.error));
      this.#refresh([about]);
    }
  }

  /** Places in the queue change without an event, so they are looked up. */
  async #look() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const waiting = this.live().filter((id) => this.generations.get(id).status === "queued");
      if (this.#stop) await this.#refresh(waiting.slice(0, 8));
    }
  }

  #name(what) {
    return `limner.${this.session?.namespace}.${what}`;
  }
}

/** How many input images a model's schema allows. */
export function inputLimit(schema) {
  const options = schema.properties.input_image?.anyOf ?? [schema.properties.input_image ?? {}];
  const list = options.find((option) => option.type === "array");
  return schema.properties.input_image ? list?.maxItems ?? (list ? 16 : 1) : 0;
}

export const drawSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

export function makeKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}

function read(storage, name) {
  try {
    return JSON.parse(storage.getItem(name));
  } catch {
    return null; // what an older page or another program left there
  }
}

function write(storage, name, value) {
  storage.setItem(name, JSON.stringify(value));
}

export const state = new State();
