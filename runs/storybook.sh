#!/usr/bin/env bash
# Makes storybook's checkpoint from nothing, scores it, and puts it where the package ships it from: 2 hours and a half
# on two cores. Stopped at any place and started again, it goes on. Training uses a CUDA device where there is one.
#
# The minutes of each stage are part of the recipe (src/limner/training/recipe.py). Every run so far, with what it
# changed and what came out, stands in LOG.md. The weights that ship were not made in one go: each run went on from the
# weights of the one before (`--from`), the last of them with 18 minutes for the decoder and 100 for the denoiser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Look first at what will be shown to it.
mkdir -p .train
./run world preview --output .train/scenes.png
./run world preview --edits --output .train/edits.png

# drawing     10 minutes   46,000 pictures and 21,000 edits, by two processes
# encoder      seconds     principal components; then a minute for the latents of all pictures
# decoder     10 minutes   about 20,000 pictures
# upsampler    6 minutes   about 4,000 crops
# denoiser   108 minutes   about 270,000 pictures, at 40 a second on one core
# loss.png and a contact sheet of each stage appear in .train every five minutes.
./run train --size small --folder .train --output .train/storybook.safetensors

# The judge is trained at first, for 14 minutes; then it reads what the checkpoint makes of its questions and edits.
./run evaluate .train/storybook.safetensors --sheets .train/sheets | tee .train/scores.json

cp .train/storybook.safetensors .train/storybook.json src/limner/weights/
