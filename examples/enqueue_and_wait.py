"""Queues a prompt, waits for its picture on the event stream, and saves it. Python alone, no package.

python examples/enqueue_and_wait.py "a red boat on the water" boat.png [--base URL] [--model ID]

It subscribes after queueing, and still misses nothing: a new stream begins with what ended in the last five minutes.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any


def enqueue(base: str, model: str, prompt: str) -> str:
    """Queue one generation and return its id."""
    body = json.dumps({"model": model, "prompt": prompt}).encode()
    request = urllib.request.Request(f"{base}/api/ai/queue", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["generations"][0]["generation_id"])


def events(base: str) -> Iterator[dict[str, Any]]:
    """The data of every event on the stream, until the server closes it."""
    with urllib.request.urlopen(f"{base}/api/events", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data:"):
                yield json.loads(line[5:])


def main() -> int:
    """Queue, wait, save; 1 if the generation failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("prompt")
    parser.add_argument("output")
    parser.add_argument("--base", default="http://127.0.0.1:7310")
    parser.add_argument("--model", default="storybook")
    given = parser.parse_args()
    id = enqueue(given.base, given.model, given.prompt)
    for event in events(given.base):
        if event.get("generation_id") != id:
            continue
        if event["status"] == "failed":
            print(event["error"], file=sys.stderr)
            return 1
        urllib.request.urlretrieve(event["url"], given.output)
        print(given.output)
        return 0
    print("the server closed the stream", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
