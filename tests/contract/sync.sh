#!/usr/bin/env bash
# The documented synchronous call: POST the body, read the link, fetch the picture.
set -euo pipefail
BASE=$1 KEY=$2 BODY=$3 OUT=$4 ROUTE=${5:-generate}

answer=$(curl -sS -X POST "$BASE/api/ai/images/$ROUTE" \
  -H "Authorization: Bearer $KEY" \
  -H "Content-Type: application/json" \
  -d "$BODY")
jq -e '.created | type == "number"' <<<"$answer" >/dev/null
test "$(jq -r .model <<<"$answer")" = "$(jq -r .model <<<"$BODY")"
test "$(jq -r .image_url <<<"$answer")" = "$(jq -r '.images[0].url' <<<"$answer")"
curl -sSf -o "$OUT" "$(jq -r '.images[0].url' <<<"$answer")"
