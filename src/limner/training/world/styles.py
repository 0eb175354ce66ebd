"""Styles of the picture world: the same scene as flat shapes, as a watercolour, as a pen drawing or as cut card.

A style has two halves. `redraw` changes the SVG text: what becomes of outlines, fills and gradients, and the shadows
of card. `apply` changes the pixels (`paper.py`). This is not a filter for photographs, and it knows nothing of scenes
and of captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from limner.training.world import paper
from limner.training.world.colours import mix, parse, text

FLAT, WATERCOLOUR, LINE, PAPERCUT = "flat", "watercolour", "line", "papercut"

NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
SCALE = re.compile(r"scale\(([-\d.]+) ?([-\d.]*)\)")
CLOUD = ["transform", "fill"]
"""What a group has that is one shape."""
MANY = 8
"""A path of as many pieces is falling snow, stars, windows: specks that a whole outline, or shadow, would drown."""


def redraw(style: str, svg: str) -> str:
    """The SVG text of a scene with its shapes as the style has them."""
    if style == FLAT:
        return svg
    root = ElementTree.fromstring(svg.replace(NAMESPACE, "", 1))
    {WATERCOLOUR: _redraw_watercolour, LINE: _redraw_line, PAPERCUT: _redraw_papercut}[style](root)
    return ElementTree.tostring(root, encoding="unicode").replace("<svg", f"<svg{NAMESPACE}", 1)


def apply(style: str, picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The picture (height, width, 4) on the paper of the style; its alpha stays as it is."""
    if style not in (WATERCOLOUR, LINE):
        return picture
    colours = paper.paint(picture, seed) if style == WATERCOLOUR else picture[..., :3] * paper.CREAM
    return np.dstack((np.rint(colours).astype(np.uint8), picture[..., 3]))


@dataclass(frozen=True)
class _Part:
    """A group or a shape of a scene, and what holds for it."""

    element: Element
    parent: Element
    is_group: bool = False
    fill: str = ""
    """Its own or inherited: a colour, a gradient's address, or nothing."""
    stops: tuple[Element, ...] = ()
    """Those of the gradient that fills it."""
    line: str = ""
    """The stroke of the groups around it, or of the group that it is: the colour of a subject's outlines."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Across, negative in a mirror, and down."""

    @property
    def is_around(self) -> bool:
        """Whether this belongs to the place and not to a subject, whose group has a line."""
        return self.line in ("", "none")

    @property
    def is_specks(self) -> bool:
        return self.element.get("d", "").count("M") >= MANY

    @property
    def is_soft(self) -> bool:
        """Whether this is light or shade without an edge."""
        veil = any(stop.get("stop-opacity") for stop in self.stops)
        return veil or float(self.element.get("fill-opacity", 1)) < 1

    @property
    def colours(self) -> list[str]:
        """Those of its gradient, or its only one."""
        return [stop.get("stop-color", "") for stop in self.stops] or [self.fill]

    @property
    def colour(self) -> str:
        """Its fill as one colour."""
        colours = self.colours
        return mix(colours[0], colours[1], 0.5) if len(colours) == 2 else colours[len(colours) // 2]

    def copy_under(self, **attributes: object) -> Element:
        """Put a copy with other attributes behind it."""
        copy = deepcopy(self.element)
        _set(copy, **attributes)
        self.parent.insert(list(self.parent).index(self.element), copy)
        return copy


def _set(element: Element, **attributes: object) -> None:
    element.attrib.update({name.replace("_", "-"): str(value) for name, value in attributes.items()})


def _gradients(root: Element) -> dict[str, Element]:
    """The gradients of a scene by their address."""
    return {f"url(#{element.get('id')})": element for element in root.iter() if element.tag.endswith("Gradient")}


def _parts(root: Element) -> Iterator[_Part]:
    gradients = _gradients(root)

    def walk(around: _Part) -> Iterator[_Part]:
        for element in list(around.element):
            if element.tag == "clipPath" or element.tag.endswith("Gradient"):
                continue
            fill = element.get("fill", around.fill).replace("none", "")
            line, scale = around.line, around.scale
            is_group = element.tag == "g" and element.keys() != CLOUD
            if is_group:
                line = element.get("stroke", line)
                if found := SCALE.search(element.get("transform", "")):
                    scale = float(found[1]), float(found[2] or found[1])
            part = _Part(element, around.element, is_group, fill, tuple(gradients.get(fill, ())), line, scale)
            yield part
            if is_group:
                yield from walk(part)

    return walk(_Part(root, root))


# ---- watercolour

RIM = 0.66
"""Brightness of the rim of a wash beside the wash."""


def _redraw_watercolour(root: Element) -> None:
    for part in _parts(root):
        if part.fill and part.line and part.element.get("stroke") != "none":
            red, green, blue = parse(part.colour)
            part.element.set("stroke", text((red * RIM, green * RIM, blue * RIM)))


# ---- line

INK = "#1d1a22"
SOLID = "#4d4a58"
"""What is black is laid in with ink, a little thinner than that of the lines on it."""
PEN, FINE_PEN = 1.15, 0.5
"""Width of the pen's lines, in units of a hundredth of the shorter side, and of those around specks."""
WASH, FAR_WASH = 0.5, 0.33
"""How much pigment of the full colour is in the wash of a subject and of what is around it."""
BLACK, BLACK_CHROMA = 70, 22
"""A colour is black where its strongest part is below the one and its parts are nearer each other than the other."""
DARK = 90
"""A line whose parts are darker than this on average is one of the pen's."""
STRIP = 3.0
"""A line of the landscape as wide as this, in units, is a thing and not a stroke."""


def _redraw_line(root: Element) -> None:
    for part in _parts(root):
        if not part.is_around:
            _pen_subject(part)
        elif not part.is_group:
            _pen_around(part)
        _pale(part.element, FAR_WASH if part.is_around else WASH)
    for address, gradient in _gradients(root).items():
        for stop in gradient:
            _pale(stop, WASH if address[-2].isdigit() else FAR_WASH)  # those of subjects are numbered


def _pen_subject(part: _Part) -> None:
    stroke = part.element.get("stroke", "none")
    if stroke != "none" and (part.fill or part.is_group):
        _set(part.element, stroke=INK, stroke_width=f"{PEN / abs(part.scale[1]):.3f}")
    elif stroke == part.line or (stroke.startswith("#") and sum(parse(stroke)) < 3 * DARK):
        _set(part.element, stroke=INK)


def _pen_around(part: _Part) -> None:
    is_cloud = part.element.tag == "g"
    width = float(part.element.get("stroke-width", 0 if is_cloud else PEN))
    if is_cloud or (not part.fill and width >= STRIP):
        _pale(part.copy_under(stroke=INK, stroke_width=width + 2 * PEN), FAR_WASH)
    elif not part.fill:
        _set(part.element, stroke=INK, stroke_width=min(PEN, width))
    elif not (part.line or part.element.get("stroke") or part.is_soft or part.fill == "url(#land)"):
        _set(part.element, stroke=INK, stroke_width=FINE_PEN if part.is_specks else PEN)


def _pale(element: Element, share: float) -> None:
    for name in ("fill", "stroke", "stop-color"):
        colour = element.get(name, "")
        if colour.startswith("#") and colour != INK:
            parts = parse(colour)
            if share == WASH and max(parts) < BLACK and max(parts) - min(parts) < BLACK_CHROMA:
                element.set(name, SOLID)
            else:
                red, green, blue = (255 * (max(value, 1.0) / 255) ** share for value in parts)
                element.set(name, text((red, green, blue)))


# ---- papercut

SHADOW, SHADOW_OPACITY = "#140e22", 0.34
SHADOW_RIGHT, SHADOW_DOWN, SHADOW_SPREAD = 1.6, 1.9, 1.8
"""How far the shadow of a card lies to the right and below, in units, and how wide it is all around a landscape's."""
EDGE, EDGE_LIGHT = 0.55, 0.35
"""The lit edge of the card, up and left in units, and how much lighter than the card: it tells black from night."""
LAYERS = ("url(#sky)", "url(#land)", "url(#sea)")
"""Gradients of the landscape that become layers of card with wavy edges."""
BOW, BOW_LENGTH = 4.4, 25.0
"""How far the edge of a layer is pulled up and down, and how long half a wave is, in units."""


def _redraw_papercut(root: Element) -> None:
    clips: dict[Element, Element] = {}  # in a picture without a sky, the outline of each group
    cut_out = LAYERS[0] not in _gradients(root)
    for part in _parts(root):
        element, stroke = part.element, part.element.get("stroke")
        if part.is_group:
            continue
        if part.fill in LAYERS:
            _layers(part)
        elif part.fill.startswith("url(#g") or (not part.fill and stroke in (None, part.line)):
            part.parent.remove(element)  # the gloss of a ball, and outlines
        elif part.fill and not part.is_soft:
            _set(element, fill=part.colour, stroke="none")
            if cut_out:
                if part.parent not in clips:
                    clips[part.parent] = ElementTree.SubElement(root, "clipPath", id=f"k{len(clips)}")
                clips[part.parent].append(deepcopy(element))
            if "none" not in (stroke, part.line):
                _shadow(part, clips.get(part.parent))


def _shadow(part: _Part, clip: Element | None = None) -> None:
    """The shadow and the lit edge under a card; nothing falls beside a subject that has no ground."""
    spread = SHADOW_SPREAD if part.is_around and not part.is_specks else 0
    lit = mix(part.element.get("fill", ""), "#ffffff", EDGE_LIGHT)
    shadow = part.copy_under(fill=SHADOW, opacity=SHADOW_OPACITY, stroke=SHADOW, stroke_width=spread)
    for copy, right, down in ((shadow, SHADOW_RIGHT, SHADOW_DOWN), (part.copy_under(fill=lit), -EDGE, -EDGE)):
        move = f"translate({right / part.scale[0]:.3f} {down / part.scale[1]:.3f})"
        copy.set("transform", f"{move} {copy.get('transform', '')}")
        if clip is not None:
            place = list(part.parent).index(copy)
            part.parent[place] = ElementTree.Element("g", {"clip-path": f"url(#{clip.get('id')})"})
            part.parent[place].append(copy)


def _layers(part: _Part) -> None:
    """A rectangle of sky, land or sea as layers of card that hang over each other."""
    left, top, width, height = (float(part.element.get(side, 0)) for side in ("x", "y", "width", "height"))
    waves = f"t{BOW_LENGTH},0" * (int(width / BOW_LENGTH) + 1)
    for number, fill in enumerate(reversed(part.colours)):
        layer = part.copy_under(fill=fill)
        if number:
            edge, bow = top + height * (1 - number / len(part.stops)), BOW * (-1) ** number
            layer.tag = "path"
            layer.set("d", f"M{left},{edge:.2f}q{BOW_LENGTH / 2},{bow} {BOW_LENGTH},0{waves}V{top}H{left}Z")
            _shadow(_Part(layer, part.parent))
    part.parent.remove(part.element)
