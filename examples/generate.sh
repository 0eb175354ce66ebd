#!/bin/sh
# Makes one picture and saves it:  examples/generate.sh "a red boat on the water" boat.png
# BASE and MODEL may name another server and another model.
set -eu
base=${BASE:-http://127.0.0.1:7310}
model=${MODEL:-storybook}

answer=$(curl --silent --show-error --fail-with-body "$base/api/ai/images/generate" \
    --header 'Content-Type: application/json' \
    --data "{\"model\": \"$model\", \"prompt\": \"$1\"}") || { echo "$answer" >&2; exit 1; }
url=$(echo "$answer" | sed 's/.*"url": *"\([^"]*\)".*/\1/')
curl --silent --show-error --fail --output "$2" "$url"
echo "$2"
