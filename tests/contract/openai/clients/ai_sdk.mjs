// Cases for the Vercel AI SDK with both of its providers; one line of JSON for each.
import { generateImage } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { runAll } from "./cases.mjs";

const baseURL = process.argv[2] + "/v1";

const openai = createOpenAI({ baseURL, apiKey: "x" });
const compatible = createOpenAICompatible({ name: "limner", baseURL, apiKey: "x" });
const pixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const low = { providerOptions: { openai: { quality: "low" }, limner: { quality: "low" } }, maxRetries: 0 };

async function pictures(count, options) {
  const { images } = await generateImage({ ...low, ...options });
  if (images.length !== count) throw new Error(`${images.length} pictures`);
  for (const one of images) if (one.mediaType !== "image/png") throw new Error(one.mediaType);
}

const cases = {
  "openai: a model it does not know": () => pictures(1, { model: openai.image("tiny"), prompt: "an ox" }),
  "openai: two pictures of such a model": () => pictures(2, { model: openai.image("tiny"), prompt: "an ox", n: 2 }),
  "openai: a model it knows": () => pictures(1, { model: openai.image("gpt-image-1.5"), prompt: "an ox" }),
  "openai: an edit": () =>
    pictures(1, { model: openai.image("tiny"), prompt: { text: "an ox", images: [pixel] } }),
  "openai: an edit with a mask": () =>
    pictures(1, { model: openai.image("tiny"), prompt: { text: "an ox", images: [pixel, pixel], mask: pixel } }),
  "openai-compatible: a picture": () => pictures(1, { model: compatible.imageModel("tiny"), prompt: "an ox" }),
  "openai-compatible: an edit": () =>
    pictures(1, { model: compatible.imageModel("tiny"), prompt: { text: "an ox", images: [pixel] } }),
  "openai: an error": async () => {
    try {
      await pictures(1, { model: openai.image("no-such"), prompt: "an ox" });
    } catch (error) {
      if (error.statusCode === 400 && error.message.includes("does not exist")) return;
      throw error;
    }
    throw new Error("nothing was thrown");
  },
};

await runAll(cases);
