#!/usr/bin/env bash
# The documented asynchronous call with polling: enqueue, ask until it has ended, fetch the picture.
set -euo pipefail
BASE=$1 KEY=$2 BODY=$3 OUT=$4

id=$(curl -sS -X POST "$BASE/api/ai/queue" \
  -H "Authorization: Bearer $KEY" \
  -H "Content-Type: application/json" \
  -d "$BODY" | jq -r '.generations[0].generation_id')
while true; do
  generation=$(curl -sS "$BASE/api/ai/queue/$id" -H "Authorization: Bearer $KEY")
  status=$(jq -r .status <<<"$generation")
  case "$status" in
    succeeded) break ;;
    failed | cancelled) jq -r .error_message <<<"$generation"; exit 1 ;;
  esac
  sleep 0.2
done
test "$(jq -r .media_type <<<"$generation")" = image
curl -sSf -o "$OUT" "$(jq -r .result_url <<<"$generation")"
