#!/usr/bin/env bash
# The documented asynchronous call with events: enqueue FIRST, subscribe afterwards, wait for the id in the stream.
# A pause before subscribing (in seconds) makes sure that the picture is ready before anybody listens.
set -euo pipefail
BASE=$1 KEY=$2 BODY=$3 OUT=$4 PAUSE=${5:-0}

id=$(curl -sS -X POST "$BASE/api/ai/queue" \
  -H "Authorization: Bearer $KEY" \
  -H "Content-Type: application/json" \
  -d "$BODY" | jq -r '.generations[0].generation_id')
sleep "$PAUSE"
data=$(curl -sS -N "$BASE/api/events" -H "Authorization: Bearer $KEY" -H "Accept: text/event-stream" 2>/dev/null |
  awk -v wanted="\"generation_id\":\"$id\"" '
    /^event: / { event = substr($0, 8) }
    /^data: / && event == "media_generation_completed" && index($0, wanted) { print substr($0, 7); exit }') || true
test "$(jq -r .status <<<"$data")" = succeeded
curl -sSf -o "$OUT" "$(jq -r .url <<<"$data")"
