// The only place that talks to the server. Everything else asks these functions.

import { words } from "./words.js";

const ROOT = new URL("../", import.meta.url);
const PATIENCE_MS = 3000;
let token = null;

/** Tells `offline`, `online` and `signed-out`. */
export const line = new EventTarget();

/** A refusal or failure that the server told; `field` is the parameter at fault, where there is one. */
export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    const said = error.message ?? error.title ?? words.answered(status);
    super(status === 429 ? `${said} ${words.tryAgainIn(retryAfter ?? 5)}` : said);
    this.status = status;
    this.field = error.field ?? null;
  }
}

/** Nobody answered. */
export class Offline extends Error {
  constructor() {
    super(words.offline);
  }
}

/** The server's answer; one that breaks off in the middle is none. */
async function read(method, path, { json, form, key } = {}) {
  const headers = {};
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (token && method !== "GET") headers["X-Limner-Token"] = token;
  if (key) headers["Idempotency-Key"] = key;
  let answer, text;
  try {
    answer = await fetch(new URL(path, ROOT), { method, headers, body: form ?? (json && JSON.stringify(json)) });
    text = await answer.text();
  } catch {
    line.dispatchEvent(new Event("offline"));
    throw new Offline();
  }
  line.dispatchEvent(new Event("online"));
  if (answer.ok) return JSON.parse(text);
  const body = await new Response(text).json().catch(() => ({})); // a proxy's page is no JSON
  if (answer.status === 401 && path !== "api/limner/session") line.dispatchEvent(new Event("signed-out"));
  throw new ApiError(answer.status, body.error ?? {}, Number(answer.headers.get("retry-after")) || null);
}

function remember(session) {
  token = session.token;
  return session;
}

export const getSession = async () => remember(await read("GET", "api/limner/session"));
export const signIn = async (key) => remember(await read("POST", "api/limner/session", { json: { key } }));
export const signOut = async () => remember(await read("DELETE", "api/limner/session"));
export const getModels = async () => (await read("GET", "api/ai/models")).data;
export const getModel = (id) => read("GET", `api/ai/models/${id.split("/").map(encodeURIComponent).join("/")}`);

/** The texts of the calls, for the API tab. */
export const getCalls = () => read("GET", "docs/assets/calls.json");

/** Queue what `body` asks for; the same `key` twice makes nothing twice. */
export const enqueue = async (body, key) => (await read("POST", "api/ai/queue", { json: body, key })).generations;
export const getGeneration = (id) => read("GET", `api/ai/queue/${id}`);
export const cancel = (id) => read("DELETE", `api/ai/queue/${id}`);
export const remove = (id) => read("DELETE", `api/limner/generations/${id}`);
export const setFavourite = (id, on) => read(on ? "PUT" : "DELETE", `api/limner/generations/${id}/favourite`);

/** A page of generations, newest first; empty filters are left out. */
export async function list(filters) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return (await read("GET", `api/ai/queue?${query}`)).generations;
}

export const thumbnailUrl = (id) => new URL(`api/limner/generations/${id}/thumbnail`, ROOT).href;
export const inputUrl = (id, name) => new URL(`api/limner/generations/${id}/inputs/${name}`, ROOT).href;
export const exportUrl = (ids) => new URL(`api/limner/export?ids=${ids.join(",")}`, ROOT).href;
export const base = () => ROOT.href.replace(/\/$/, "");

/** The address of a file of this server as this page reaches it, whatever host the server named. */
export function localUrl(url) {
  const at = url.indexOf("/api/repos/");
  return at < 0 ? url : new URL(url.slice(at + 1), ROOT).href;
}

/** The address of a file without its signature, which its owner does not need: it never runs out. */
export const lasting = (url) => localUrl(url).split("?")[0];

/** Store a picture of the caller's; answers its address. */
export async function upload(namespace, blob) {
  const name = [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const form = new FormData();
  form.append("files[]", blob, `${name}.${{ "image/jpeg": "jpg", "image/webp": "webp" }[blob.type] ?? "png"}`);
  const folder = `api/repos/${encodeURIComponent(namespace)}/workbench/file/main/inputs`;
  return localUrl((await read("PUT", folder, { form })).files[0].url);
}

/** The bytes of a picture that an address of this server or of this page names. */
export async function fetchPicture(url) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new ApiError(answer.status, {});
    return await answer.blob();
  } catch (error) {
    throw error instanceof ApiError ? error : new Offline();
  }
}

/** Wait until the server answers again. */
export async function waitForServer() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const alive = await fetch(new URL("health/live", ROOT)).then((answer) => answer.ok, () => false);
    if (alive) break;
  }
  line.dispatchEvent(new Event("online"));
}

const KINDS = ["started", "progress", "partial_image", "completed", "cancelled"];

/** Follow the caller's events after the one of `lastId` (null: from now on); `tell` gets (kind, data, id). */
export function follow(lastId, tell) {
  let source, timer, seen = lastId, closed = false;
  const open = () => {
    const from = seen === null ? "replay_seconds=0" : `last_event_id=${seen}`;
    source = new EventSource(new URL(`api/events?include=started,progress,partial,cancelled&${from}`, ROOT));
    const hear = (kind) => (event) => {
      seen = event.lastEventId;
      tell(kind, JSON.parse(event.data), seen);
    };
    for (const kind of KINDS) source.addEventListener(`media_generation_${kind}`, hear(kind));
    source.addEventListener("gap", hear("gap"));
    source.addEventListener("open", () => tell("open", {}, seen));
    source.addEventListener("error", () => {
      tell("lost", {}, seen);
      // A browser gives up after an answer that is no stream: during a restart, or once the session has ended.
      if (source.readyState === EventSource.CLOSED && !closed) timer = setTimeout(open, PATIENCE_MS);
    });
  };
  open();
  return () => {
    closed = true;
    clearTimeout(timer);
    source.close();
  };
}
