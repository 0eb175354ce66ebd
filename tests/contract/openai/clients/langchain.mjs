// Cases for LangChain's tool for pictures, which always sends style, quality and response_format; a line of JSON each.
import { DallEAPIWrapper } from "@langchain/openai";
import { runAll } from "./cases.mjs";

const how = { apiKey: "x", model: "tiny", size: "1024x1024", baseUrl: process.argv[2] + "/v1", maxRetries: 0 };

async function isPicture(bytes) {
  if (Buffer.from(bytes).subarray(1, 4).toString() !== "PNG") throw new Error("no PNG");
}

async function download(url) {
  await isPicture(await (await fetch(url)).arrayBuffer());
}

const cases = {
  "a picture": async () =>
    isPicture(Buffer.from(await new DallEAPIWrapper({ ...how, dallEResponseFormat: "b64_json" }).invoke("an ox"), "base64")),
  "a picture by its URL": async () => download(await new DallEAPIWrapper(how).invoke("an ox")),
  "two pictures": async () => {
    const found = await new DallEAPIWrapper({ ...how, n: 2 }).invoke("an ox");
    if (found.length !== 2) throw new Error(`${found.length} pictures`);
    for (const one of found) await download(one.image_url);
  },
};

await runAll(cases);
