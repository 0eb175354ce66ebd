// The call that the form stands for, written out in four languages and three ways. Pure: a body in, text out.

export const LANGUAGES = { curl: "cURL", python: "Python", openai: "Python, OpenAI SDK", javascript: "JavaScript" };
export const NEEDS = {
  python: "pip install requests", openai: "pip install openai", javascript: "Node.js 18 or newer, as a .mjs file",
};

const SHAPES = { square: "1024x1024", landscape: "1536x1024", portrait: "1024x1536" };
const SDK = ["model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression",
  "input_fidelity"];
const EXTRA = ["seed", "num_inference_steps", "negative_prompt"];

/** The text of the call. `mode` is sync, poll or events; `keyed` whether the server asks for a key. */
export function write(language, mode, call) {
  const { body, count } = call;
  if (language === "openai") return openai(call);
  if (mode === "sync") return WRITERS[language].sync({ ...call, body: count > 1 ? { ...body, n: count } : body,
    path: body.input_image ? "/api/ai/images/edit" : "/api/ai/images/generate" });
  const queued = count > 1 ? { ...body, num_generations: count } : body;
  return WRITERS[language][mode]({ ...call, body: queued, path: "/api/ai/queue" });
}

/** The parameters that OpenAI's dialect does not know, so that its call leaves them out. */
export const unknownToOpenai = (body) => Object.keys(body).filter((name) =>
  !SDK.includes(name) && !EXTRA.includes(name) && !["input_image", "mask"].includes(name));

const json = (value, indent = "") => JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function post({ base, path, body, keyed }, before = "", after = "") {
  return `${before}curl -sS ${base}${path} \\\n${keyed ? '  -H "Authorization: Bearer $LIMNER_KEY" \\\n' : ""}`
    + `  -H 'Content-Type: application/json' \\\n  -d ${quote(json(body))}${after}`;
}

const IDS = " |\n  grep -o '\"generation_id\":\"[^\"]*' | cut -d '\"' -f 4)";
const auth = (keyed) => (keyed ? ' -H "Authorization: Bearer $LIMNER_KEY"' : "");

const curl = {
  sync: (call) => post(call),
  poll: (call) => `${post(call, "ids=$(", IDS)}
for id in $ids; do
  until curl -sS ${call.base}/api/ai/queue/$id${auth(call.keyed)} |
    grep -E '"status":"(succeeded|failed|cancelled)"'; do sleep 1; done
done`,
  events: (call) => `${post(call, "ids=$(", IDS)}
for id in $ids; do
  curl -sN '${call.base}/api/events?include=cancelled'${auth(call.keyed)} | grep -m 1 "\\"generation_id\\":\\"$id\\""
done`,
};

/** JSON as Python writes it. */
function literal(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((one) => literal(one)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const lines = Object.entries(value).map(([name, one]) => `${indent}    ${JSON.stringify(name)}: ${literal(one)},\n`);
  return `{\n${lines.join("")}${indent}}`;
}

const imports = (names) => names.sort().map((name) => `import ${name}\n`).join("") + (names.length ? "\n" : "");

const python = {
  head: ({ base, keyed, body, path }, names) => `${imports([...names, ...(keyed ? ["os"] : [])])}import requests

BASE = "${base}"
HEADERS = ${keyed ? '{"Authorization": "Bearer " + os.environ["LIMNER_KEY"]}' : "{}"}

answer = requests.post(BASE + "${path}", headers=HEADERS, timeout=600, json=${literal(body)})
if not answer.ok:
    raise SystemExit(answer.json()["error"]["message"])
`,
  save: ({ body }, url, id, indent) => `${indent}with open(f"{${id}}.${body.output_format ?? "png"}", "wb") as file:
${indent}    file.write(requests.get(${url}, timeout=60).content)
${indent}print(file.name)`,
  sync: (call) => `${python.head(call, [])}for image in answer.json()["images"]:
${python.save(call, 'image["url"]', "image['generation_id']", "    ")}`,
  poll: (call) => `${python.head(call, ["time"])}for queued in answer.json()["generations"]:
    while True:
        generation = requests.get(f"{BASE}/api/ai/queue/{queued['generation_id']}", headers=HEADERS, timeout=60).json()
        if generation["status"] in ("succeeded", "failed", "cancelled"):
            break
        time.sleep(1)
    if generation["status"] != "succeeded":
        raise SystemExit(generation["error_message"] or "cancelled")
${python.save(call, 'generation["result_url"]', "generation['generation_id']", "    ")}`,
  events: (call) => `${python.head(call, ["json"])}waiting = set()
for queued in answer.json()["generations"]:
    waiting.add(queued["generation_id"])
with requests.get(BASE + "/api/events?include=cancelled", headers=HEADERS, stream=True, timeout=600) as stream:
    for line in stream.iter_lines():
        event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
        if event.get("generation_id") not in waiting:
            continue
        if event["status"] != "succeeded":
            raise SystemExit(event.get("error", "cancelled"))
${python.save(call, 'event["url"]', "event['generation_id']", "        ")}
        waiting.remove(event["generation_id"])
        if not waiting:
            break`,
};

function openai({ base, body, count, keyed }) {
  const size = body.size ? { size: SHAPES[body.size] ?? body.size } : {};
  const all = { ...body, ...size, ...(count > 1 ? { n: count } : {}) };
  const given = SDK.filter((name) => name in all && (body.input_image || name !== "input_fidelity"));
  const extra = Object.fromEntries(EXTRA.filter((name) => name in all).map((name) => [name, all[name]]));
  const lines = given.map((name) => `    ${name}=${literal(all[name])},\n`);
  if (body.input_image) {
    const files = [body.input_image].flat().map((url) => `fetch(${literal(url)})`).join(", ");
    lines.push(`    image=[${files}],\n`, ...(body.mask ? [`    mask=fetch(${literal(body.mask)}),\n`] : []));
  }
  if (Object.keys(extra).length) lines.push(`    extra_body=${literal(extra, "    ")},\n`);
  const fetch = `\n\ndef fetch(url):
    request = urllib.request.Request(url, headers=${keyed ? '{"Authorization": f"Bearer {client.api_key}"}' : "{}"})
    return url.rsplit("/", 1)[-1], urllib.request.urlopen(request).read()

`;
  return `import base64
${keyed ? "import os\n" : ""}${body.input_image ? "import urllib.request\n" : ""}
from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=${keyed ? 'os.environ["LIMNER_KEY"]' : '"none"'})
${body.input_image ? fetch : ""}
answer = client.images.${body.input_image ? "edit" : "generate"}(
${lines.join("")})
for i, image in enumerate(answer.data):
    with open(f"picture-{i}.${body.output_format ?? "png"}", "wb") as file:
        file.write(base64.b64decode(image.b64_json))
    print(file.name)`;
}

const BEARER = ", Authorization: `Bearer ${process.env.LIMNER_KEY}`";

const javascript = {
  head: ({ base, keyed, body, path }) => `const BASE = "${base}";
const headers = { "Content-Type": "application/json"${keyed ? BEARER : ""} };

const answer = await fetch(BASE + "${path}", { method: "POST", headers, body: JSON.stringify(${json(body)}) });
const { error, ...made } = await answer.json();
if (error) throw new Error(error.message);
`,
  sync: (call) => `${javascript.head(call)}for (const image of made.images) console.log(image.url);`,
  poll: (call) => `${javascript.head(call)}for (const { generation_id } of made.generations) {
  let generation;
  do {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    generation = await (await fetch(\`\${BASE}/api/ai/queue/\${generation_id}\`, { headers })).json();
  } while (["queued", "processing"].includes(generation.status));
  console.log(generation.result_url ?? generation.error_message ?? generation.status);
}`,
  events: (call) => `${javascript.head(call)}const waiting = new Set(made.generations.map((one) => one.generation_id));
const stream = await fetch(BASE + "/api/events?include=cancelled", { headers });
const decoder = new TextDecoder();
let text = "";
for await (const chunk of stream.body) {
  text += decoder.decode(chunk, { stream: true });
  const lines = text.split("\\n");
  text = lines.pop();
  for (const line of lines.filter((one) => one.startsWith("data: "))) {
    const event = JSON.parse(line.slice(6));
    if (waiting.delete(event.generation_id)) console.log(event.url ?? event.error ?? event.status);
  }
  if (waiting.size === 0) break;
}`,
};

const WRITERS = { curl, python, javascript };
