#!/usr/bin/env bash
# The calls of OpenAI's reference as a reader would paste them, with curl and jq; one line of JSON for each case.
set -uo pipefail
BASE=$1/v1
KEY=(-H "Authorization: Bearer $2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg== |
    base64 -d >"$work/a.png"
cp "$work/a.png" "$work/b.png"

try() {
    local name=$1 why=""
    shift
    "$@" >"$work/out" 2>&1 || why=$(head -c 300 "$work/out" || true)${why:-failed}
    jq -cn --arg case "$name" --arg why "$why" '{case: $case, why: $why}'
}

generate() {
    curl -sSf "$BASE/images/generations" "${KEY[@]}" -H "Content-Type: application/json" \
        -d '{"model": "tiny", "prompt": "A cute baby sea otter", "n": 1, "size": "1024x1024"}' |
        jq -r '.data[0].b64_json' | base64 --decode >"$work/otter.png" &&
        [ "$(head -c 4 "$work/otter.png" | tail -c 3)" = PNG ]
}

edit() {
    curl -sSf -X POST "$BASE/images/edits" "${KEY[@]}" -F "model=tiny" -F "image[]=@$work/a.png" \
        -F "image[]=@$work/b.png" -F 'prompt=Create a lovely gift basket with these items in it' |
        jq -e '.data[0].b64_json'
}

edit_json() {
    curl -sSf "$BASE/images/edits" "${KEY[@]}" -H "Content-Type: application/json" -d "{\"model\": \"tiny\",
        \"prompt\": \"an ox\", \"images\": [{\"image_url\": \"data:image/png;base64,$(base64 -w0 "$work/a.png")\"}]}" |
        jq -e '.data[0].b64_json'
}

stream() {
    curl -sSfN "$BASE/images/generations" "${KEY[@]}" -H "Content-Type: application/json" --no-buffer \
        -d '{"model": "tiny", "prompt": "steps=8 step-seconds=0.15", "stream": true, "partial_images": 2}' >"$work/events" &&
        grep -q '^event: image_generation.partial_image$' "$work/events" &&
        grep -q '^event: image_generation.completed$' "$work/events"
}

refused() {
    [ "$(curl -sS "$BASE/images/generations" "${KEY[@]}" -H "Content-Type: application/json" -d '{}' |
        jq -r '.error.code')" = missing_required_parameter ]
}

models() {
    curl -sSf "$BASE/models" "${KEY[@]}" | jq -e '.data | map(.id) | index("tiny")'
}

try "a picture" generate
try "an edit with image[]" edit
try "an edit as JSON" edit_json
try "a stream" stream
try "an error" refused
try "the list of models" models
