"""Draws Bloxy, the blocky ox of the repository `limner/examples`: voxels to SVG to PNG (needs the extra `train`).

    python examples/bloxy/draw.py bloxy_cropped_512x512.png

The server ships its output; the drawing is our own and holds no outside material.
"""

import argparse
import math
import random
from pathlib import Path

import resvg_py

SIDE = 512
UNIT = 13.5
"""Pixels of a voxel's edge."""
ORIGIN = (SIDE / 2 + 30, SIDE / 2 + 4)

Voxel = tuple[int, int, int]
Colour = tuple[int, int, int]

COAT, DARK, CREAM, MUZZLE = (158, 98, 58), (112, 66, 40), (246, 232, 198), (238, 190, 166)
INK, WHITE, GOLD = (38, 28, 30), (255, 255, 255), (240, 190, 60)
GRASS, FLOWER = (126, 190, 92), (250, 214, 90)


def box(voxels: dict[Voxel, Colour], x: range, y: range, z: range, colour: Colour) -> None:
    """Fill a box of voxels, over whatever was there."""
    voxels.update({(i, j, k): colour for i in x for j in y for k in z})


def build_ox() -> dict[Voxel, Colour]:
    """The ox on its meadow; it looks along +y, z is up."""
    ox: dict[Voxel, Colour] = {}
    box(ox, range(-4, 12), range(-4, 20), range(-1, 0), GRASS)
    for x, y in ((-3, 4), (10, 1), (9, 17), (-4, 15), (11, 10), (-2, 19), (2, 18)):
        ox[x, y, -1] = FLOWER
    for x in (0, 6):
        for y in (0, 10):
            box(ox, range(x, x + 2), range(y, y + 2), range(5), COAT)
            box(ox, range(x, x + 2), range(y, y + 2), range(1), INK)
    box(ox, range(8), range(13), range(4, 11), COAT)
    box(ox, range(8), range(3, 6), range(7, 11), CREAM)
    box(ox, range(7, 8), range(9, 11), range(5, 8), CREAM)
    box(ox, range(8), range(13), range(4, 5), DARK)
    box(ox, range(3, 5), range(-1, 0), range(5, 10), COAT)
    box(ox, range(3, 5), range(-1, 0), range(4, 6), DARK)
    box(ox, range(1, 7), range(11, 16), range(8, 15), COAT)
    box(ox, range(2, 6), range(13, 16), range(14, 15), DARK)
    box(ox, range(3, 5), range(15, 16), range(12, 15), DARK)
    box(ox, range(1, 7), range(16, 18), range(8, 11), MUZZLE)
    box(ox, range(3, 5), range(17, 18), range(8, 9), GOLD)
    ox[2, 17, 10] = ox[5, 17, 10] = INK
    for white, black in ((1, 2), (6, 5)):
        ox[white, 15, 12] = ox[white, 15, 11] = WHITE
        ox[black, 15, 12] = ox[black, 15, 11] = INK
    for x in (-1, 0, 7, 8):
        ox[x, 13, 12] = DARK
    for x in (-2, -1, 0, 7, 8, 9):
        ox[x, 13, 14] = CREAM
    for x in (-2, 9):
        ox[x, 13, 15] = ox[x, 13, 16] = CREAM
    return ox


def project(x: float, y: float, z: float) -> str:
    """A corner in space to a point of the picture (isometric)."""
    across, down = (x - y) * math.cos(math.pi / 6), (x + y) / 2 - z
    return f"{ORIGIN[0] + across * UNIT:.2f},{ORIGIN[1] + down * UNIT:.2f}"


def face(corners: list[tuple[int, int, int]], colour: Colour, light: float) -> str:
    """One side of a voxel as a polygon; the stroke of its own colour closes the seams."""
    shade = "#" + "".join(f"{min(255, round(channel * light)):02x}" for channel in colour)
    points = " ".join(project(*corner) for corner in corners)
    return f'<polygon points="{points}" fill="{shade}" stroke="{shade}" stroke-width="0.6"/>'


def draw(voxels: dict[Voxel, Colour]) -> str:
    """The SVG of all sides that can be seen, from the farthest voxel to the nearest."""
    chance = random.Random(7)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}">',
        f'<rect width="{SIDE}" height="{SIDE}" fill="#cfe8f5"/>',
        '<circle cx="418" cy="92" r="44" fill="#ffe9a8"/>',
    ]
    for (x, y, z), colour in sorted(voxels.items(), key=lambda item: sum(item[0])):
        grain = 1 + chance.uniform(-0.035, 0.035)
        if (x, y, z + 1) not in voxels:
            top = [(x, y, z + 1), (x + 1, y, z + 1), (x + 1, y + 1, z + 1), (x, y + 1, z + 1)]
            covered = z < 0 and any((x, y, above) in voxels for above in range(1, 12))
            parts.append(face(top, colour, grain * (0.8 if covered else 1.08)))
        if (x, y + 1, z) not in voxels:
            left = [(x, y + 1, z), (x + 1, y + 1, z), (x + 1, y + 1, z + 1), (x, y + 1, z + 1)]
            parts.append(face(left, colour, grain * 0.94))
        if (x + 1, y, z) not in voxels:
            right = [(x + 1, y, z), (x + 1, y + 1, z), (x + 1, y + 1, z + 1), (x + 1, y, z + 1)]
            parts.append(face(right, colour, grain * 0.78))
    return "\n".join([*parts, "</svg>"])


def main() -> None:
    """Write the PNG."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=Path)
    file: Path = arguments.parse_args().file
    file.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=draw(build_ox()))))


if __name__ == "__main__":
    main()
