"""Makes a picture, queues two edits of it and waits for both, with the Python client of a running server.

python examples/edit_twice.py "a red boat on the water" "a red boat at night" FOLDER [--model ID]

LIMNER_URL and LIMNER_KEY say where the server is and who asks; without them it is this machine's, without a key.
"""

import argparse
import sys
from pathlib import Path

from limner import Client, errors


def main() -> int:
    """Make, edit, save; 1 if the server refuses or fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("prompt")
    parser.add_argument("change")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="storybook")
    given = parser.parse_args()
    try:
        with Client() as client:
            (first,) = client.generate(given.prompt, model=given.model)
            edits = client.wait(client.enqueue(given.change, model=given.model, n=2, input_image=first))
    except errors.LimnerError as error:
        print(error.message, file=sys.stderr)
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(("first", "edit-1", "edit-2"), (first, *edits), strict=True):
        image.save(given.folder / f"{name}.png")
        print(f"{name}.png  seed {image.seed}", *image.warnings, sep="  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
