// The call that the form stands for, written out in four languages and three ways. Pure: texts and a body in, text out.

export const LANGUAGES = { curl: "cURL", python: "Python", openai: "OpenAI SDK", javascript: "JavaScript" };
export const NEEDS = {
  curl: "bash or zsh", python: "pip install requests", openai: "pip install openai",
  javascript: "Node.js 18 or newer, as a .mjs file",
};

const SHAPES = { square: "1024x1024", landscape: "1536x1024", portrait: "1024x1536" };
const SDK = ["model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression",
  "input_fidelity"];
const EXTRA = ["seed", "num_inference_steps", "negative_prompt"];

/** The text of the call. `texts` are the server's, the same as on the page of the model; `how` is one of its ways. */
export function write(texts, language, how, { base, body, count }) {
  const many = language === "openai" || how === "sync" ? "n" : "num_generations";
  const sent = count > 1 ? { ...body, [many]: count } : body;
  const route = body.input_image ? "edit" : "generate";
  const values = { ...WRITERS[language](base, sent), route, extension: body.output_format ?? "png" };
  const fill = (text) => text.replace(/<<(\w+)>>/g, (_, name) => values[name] ?? fill(texts[language][name]));
  return fill(texts[language][language === "openai" ? route : how]);
}

/** The parameters that OpenAI's dialect does not know, so that its call leaves them out. */
export const unknownToOpenai = (body) => Object.keys(body).filter((name) =>
  !SDK.includes(name) && !EXTRA.includes(name) && !["input_image", "mask"].includes(name));

const json = (value) => JSON.stringify(value, null, 2);
const quote = (text) => text.replaceAll("'", "'\\''");

/** JSON as Python writes it. */
function literal(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((one) => literal(one)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const lines = Object.entries(value).map(([name, one]) => `${indent}    ${JSON.stringify(name)}: ${literal(one)},\n`);
  return `{\n${lines.join("")}${indent}}`;
}

/** What each language puts in the place of the address and of the parameters. */
const WRITERS = {
  curl: (base, body) => ({ base: quote(base), body: quote(json(body)) }),
  python: (base, body) => ({ base: literal(base), body: literal(body) }),
  javascript: (base, body) => ({ base: JSON.stringify(base), body: json(body) }),
  openai: (base, { size, input_image: inputs, mask, ...body }) => {
    const all = size ? { ...body, size: SHAPES[size] ?? size } : body;
    const lines = SDK.filter((name) => name in all && (inputs || name !== "input_fidelity"))
      .map((name) => `    ${name}=${literal(all[name])},\n`);
    const fetched = (url) => `fetch(${literal(url)})`;
    if (inputs) lines.push(`    image=[${[inputs].flat().map(fetched).join(", ")}],\n`);
    if (inputs && mask) lines.push(`    mask=${fetched(mask)},\n`);
    const extra = Object.fromEntries(EXTRA.filter((name) => name in all).map((name) => [name, all[name]]));
    if (Object.keys(extra).length) lines.push(`    extra_body=${literal(extra, "    ")},\n`);
    return { base, arguments: lines.join("") };
  },
};
