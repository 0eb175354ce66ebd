// Cases for the official Node client, whichever version is installed; one line of JSON for each.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import OpenAI, { toFile } from "openai";
import { runAll } from "./cases.mjs";

const base = process.argv[2] + "/v1";
const client = new OpenAI({ baseURL: base, apiKey: "x", maxRetries: 0, timeout: 60_000 });
const tiny = { model: "tiny", size: "1024x1024", quality: "low" };
const pixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "limner-")), "ox.png");
fs.writeFileSync(file, pixel);

function demand(truth, what) {
  if (!truth) throw new Error(what);
}

function check(answer, count = 1) {
  demand(answer.data.length === count, `${answer.data.length} pictures`);
  for (const one of answer.data) {
    const bytes = Buffer.from(one.b64_json, "base64");
    demand(bytes.subarray(1, 4).toString() === "PNG" && bytes.readUInt32BE(16) === 1024, "no such picture");
  }
  demand(answer.size === "1024x1024" && answer.usage.total_tokens > 0 && answer._request_id, "values are missing");
}

async function read(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function streamed(promise, kind) {
  const types = (await read(await promise)).map((event) => event.type);
  demand(types.pop() === `${kind}.completed` && types.length > 0, types.join());
  demand(types.every((type) => type === `${kind}.partial_image`), types.join());
}

async function fails(kind, promise, wanted) {
  try {
    await promise();
  } catch (error) {
    demand(error instanceof kind, error.constructor.name + ": " + error.message);
    for (const [name, value] of Object.entries(wanted)) demand(error[name] === value, `${name} is ${error[name]}`);
    return;
  }
  throw new Error("nothing was thrown");
}

const visible = { ...tiny, prompt: "steps=8 step-seconds=0.15", stream: true, partial_images: 2 };
const broken = { ...tiny, prompt: "fail steps=8 step-seconds=0.3", stream: true, partial_images: 3 };
const cases = {
  "a picture": async () => check(await client.images.generate({ ...tiny, prompt: "an ox" })),
  "three pictures": async () => check(await client.images.generate({ ...tiny, prompt: "an ox", n: 3 }), 3),
  "an edit of a read stream, chunked": async () =>
    check(await client.images.edit({ image: fs.createReadStream(file), ...tiny, prompt: "x" })),
  "an edit of a file": async () =>
    check(await client.images.edit({ ...tiny, prompt: "x", image: await toFile(pixel, "a.png", { type: "image/png" }) })),
  "an edit of a File": async () =>
    check(await client.images.edit({ ...tiny, prompt: "x", image: new File([pixel], "a.png", { type: "image/png" }) })),
  "an edit of several files with a mask": async () => check(await client.images.edit({
    ...tiny, prompt: "x", image: [await toFile(pixel, "a.png"), await toFile(pixel, "b.png")],
    mask: await toFile(pixel, "m.png"), input_fidelity: "high" })),
  "a stream": () => streamed(client.images.generate(visible), "image_generation"),
  "a stream of an edit": async () =>
    streamed(client.images.edit({ ...visible, image: await toFile(pixel, "a.png") }), "image_edit"),
  "a stream that is long silent": () =>
    streamed(client.images.generate({ ...visible, prompt: "steps=4 step-seconds=17", partial_images: 1 }), "image_generation"),
  "a bad request": () => fails(OpenAI.BadRequestError, () => client.images.generate({ ...tiny, prompt: "x", n: 11 }),
    { param: "n", code: "integer_above_max_value", type: "invalid_request_error", status: 400 }),
  "a failure before a stream": () => fails(OpenAI.InternalServerError,
    () => client.images.generate({ ...tiny, prompt: "fail", stream: true }), { code: "image_generation_failed" }),
  "a failure in a stream": () => fails(OpenAI.APIError, async () => read(await client.images.generate(broken)),
    { code: "image_generation_failed", type: "image_generation_server_error" }),
  "the list of models": async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    demand(ids.includes("tiny"), ids.join());
  },
  "a large picture in a stream, read in time": async () => {
    const began = Date.now();
    await read(await client.images.generate({ ...tiny, size: "1536x1024", prompt: "an ox", stream: true }));
    demand(Date.now() - began < 30_000, `${Date.now() - began} ms`);
  },
};

await runAll(cases);
