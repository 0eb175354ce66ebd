"""Places that stand tall behind the subject (forest, city, desert, mountains), the veil of fog, and the whole backdrop.

This is not the sky and not the flat places (`landscape.py`): here is what reaches up before the sky.
"""

from __future__ import annotations

from limner.training.world import landscape
from limner.training.world.colours import SNOW, ground
from limner.training.world.scene import Scene

ROUND, POINTED = "round", "pointed"
TREES = (
    (0.29, 0.84, 0.12, POINTED),
    (0.71, 0.8, 0.12, POINTED),
    (0.09, 0.62, 0.13, ROUND),
    (0.5, 0.6, 0.13, ROUND),
    (0.91, 0.62, 0.13, ROUND),
)
"""Middle, height as a share of the sky, half the width, crown: low where sun, moon and what is in the air are."""
BUMPS = 5
"""Treetops of the wall behind the trees."""
FRONTS = ((0.6, 0), (0.46, 1), (0.9, 2), (0.44, 1), (0.54, 0), (0.76, 2), (0.42, 1), (0.58, 0))
"""Height as a share of the sky, and which wall colour: eight house fronts from the left."""
WALLS = ("#8092b2", "#9fafc8", "#62759a")
NIGHT_WALLS = ("#1c2444", "#263157", "#141a36")
GLASS = {"day": "#e9f3fb", "sunset": "#ffd98a", "night": "#ffd35c", "dawn": "#fdeccb"}
PEAKS = ((0.03, 0.6, 0.31), (0.96, 0.54, 0.3), (0.5, 0.74, 0.29))
"""Middle, height as a share of the sky, half the width: valleys where the sun sets."""
CAP = ((-0.4, 0.4), (-0.18, 0.3), (-0.04, 0.44), (0.14, 0.3), (0.4, 0.4))
"""The lower edge of the snow on a peak, in shares of its half width and its height."""
DUNES = ((0.1, 0.3, 0.42), (0.88, 0.26, 0.46))
"""Middle, height as a share of the sky, half the width."""
CACTI = ((0.1, 21.0), (0.36, 13.0), (0.89, 18.0))
"""Middle, and height in units."""
FOG = {"day": ("#e6eaee", 1.0), "sunset": ("#efcdb4", 1.0), "night": ("#8a93b0", 0.8), "dawn": ("#f3e0e2", 1.0)}
"""Colour and density of the fog."""


def forest(scene: Scene, wide: float, high: float) -> str:
    """A clearing before a wall of big trees."""
    line = high * landscape.HORIZON
    foot = line + 5
    trunks, caps = "", ""
    crowns = {ROUND: "", POINTED: ""}
    for across, tall, half, crown in TREES:
        x, top, reach = wide * across, line * (1 - tall - 0.05 * scene.hill), wide * half
        size = (foot - top) * 0.78
        trunks += _box(x - reach * 0.2, x + reach * 0.2, top + size * 0.8, foot + 1)
        if crown == POINTED:
            crowns[POINTED] += _polygon((x - reach, top + size), (x, top), (x + reach, top + size))
            caps += _polygon((x - reach * 0.45, top + size * 0.45), (x, top), (x + reach * 0.45, top + size * 0.45))
        else:
            crowns[ROUND] += _oval(x, top + size / 2, reach, size / 2)
            caps += _dome(x, top + size * 0.33, reach * 0.9, size * 0.33)
    bump = wide / BUMPS / 2
    wall = _box(-1, wide + 1, line * 0.6, foot + 1)
    wall += "".join(
        _dome((2 * number + 1) * bump, line * 0.6 + 0.1, bump * 1.04, line * 0.16) for number in range(BUMPS)
    )
    ground_top, ground_low = (_tone(scene, fill) for fill in ("#5d9a48", "#3f7d3a"))
    return (
        _path(wall, _tone(scene, "#2a563b", 0.25))
        + _path(trunks, _tone(scene, "#5d4028", 0.15))
        + _path(crowns[POINTED], _tone(scene, "#1f6048", 0.2))
        + _path(crowns[ROUND], _tone(scene, "#3a8042", 0.2))
        + (_path(caps, _snowed(scene)) if scene.weather == "snow" else "")
        + landscape.gradient("land", ground_top, ground_low)
        + landscape.rect(wide, foot, high + 1, "url(#land)")
    )


def _tone(scene: Scene, colour: str, snow_cover: float = 0.88) -> str:
    return ground(colour, scene.time, scene.weather, snow_cover)


def _snowed(scene: Scene) -> str:
    return ground(SNOW, scene.time, "clear")


def _path(commands: str, fill: str) -> str:
    return f'<path d="{commands}" fill="{fill}"/>'


def _polygon(*points: tuple[float, float]) -> str:
    return "M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in points) + "Z"


def _box(left: float, right: float, top: float, bottom: float) -> str:
    return f"M{left:.2f},{top:.2f}H{right:.2f}V{bottom:.2f}H{left:.2f}Z"


def _oval(x: float, y: float, across: float, down: float) -> str:
    arc = f"a{across:.2f},{down:.2f} 0 1,0"
    return f"M{x - across:.2f},{y:.2f}{arc} {2 * across:.2f},0{arc} {-2 * across:.2f},0Z"


def _dome(x: float, y: float, across: float, down: float) -> str:
    return f"M{x - across:.2f},{y:.2f}a{across:.2f},{down:.2f} 0 0,1 {2 * across:.2f},0Z"


def city(scene: Scene, wide: float, high: float) -> str:
    """A paved square before a row of house fronts and towers, whose windows are lit at night."""
    line = high * landscape.HORIZON
    foot, step = line + 4, wide / len(FRONTS)
    walls, caps, windows = ["", "", ""], "", ""
    storey, pane = line * 0.17, step * 0.24
    for number, (tall, wall) in enumerate(FRONTS):
        left, top = number * step, line * (1 - tall + 0.06 * (scene.hill if wall else -scene.hill))
        walls[wall] += _box(left, left + step + 0.3, top, foot + 1)
        caps += _box(left - 0.4, left + step + 0.4, top - 1.4, top + 2)
        y = top + storey * 0.45
        while y + storey < foot:
            for x in (left + step * 0.18, left + step * 0.58):
                windows += _box(x, x + pane, y, y + storey * 0.5)
            y += storey
    fills = NIGHT_WALLS if scene.time == "night" else tuple(_tone(scene, fill, 0.15) for fill in WALLS)
    paved_top, paved_low = (_tone(scene, fill, 0.8) for fill in ("#bcc2cd", "#a0a7b6"))
    seams = "".join(_box(-1, wide + 1, high * down - 0.5, high * down + 0.5) for down in (0.68, 0.8))
    return (
        "".join(_path(commands, fill) for commands, fill in zip(walls, fills, strict=True))
        + _path(windows, GLASS[scene.time])
        + (_path(caps, _snowed(scene)) if scene.weather == "snow" else "")
        + landscape.gradient("land", paved_top, paved_low)
        + landscape.rect(wide, foot, high + 1, "url(#land)")
        + f'<path d="{seams}" fill="#26304e" fill-opacity=".14"/>'
    )


def desert(scene: Scene, wide: float, high: float) -> str:
    """Dunes, and a few cacti far away."""
    line = high * landscape.HORIZON
    away = -1 if scene.light == "right" else 1
    dunes, shaded = "", ""
    for (across, tall, half), hill in zip(DUNES, (scene.hill, 1 - scene.hill), strict=True):
        x, top, reach = wide * across, line * (1 - tall * (0.7 + 0.5 * hill)), wide * half
        dunes += _flank(x, top, -reach, line + 8) + _flank(x, top, reach, line + 8)
        shaded += _flank(x, top, away * reach, line + 8, inner=0.35)
    plain = (
        f"M-1,{line + 4:.2f} Q{wide * 0.3:.2f},{line - 1:.2f} {wide * 0.6:.2f},{line + 2:.2f} "
        f"T{wide + 1:.2f},{line + 3:.2f} V{high + 1:.2f} H-1 Z"
    )
    cacti = "".join(_cactus(wide * across, line + 8, tall) for across, tall in CACTI)
    sand, shade, near, close = (_tone(scene, fill, 0.75) for fill in ("#e09a4e", "#bd7040", "#f4b860", "#de9644"))
    return (
        _path(dunes, sand)
        + _path(shaded, shade)
        + landscape.gradient("sand", near, close)
        + _path(plain, "url(#sand)")
        + f'<path d="{cacti}" fill="none" stroke="{_tone(scene, "#2f7d46", 0.25)}" stroke-width="3.2" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _flank(x: float, top: float, reach: float, foot: float, inner: float = 0.0) -> str:
    """One side of a dune, from its crest outwards; `inner` bends the line below the crest towards the outside."""
    return (
        f"M{x:.2f},{top:.2f} Q{x + reach * 0.4:.2f},{top + 1:.2f} {x + reach:.2f},{foot:.2f} H{x:.2f} "
        f"Q{x + reach * inner:.2f},{(top + foot) / 2:.2f} {x:.2f},{top:.2f}Z"
    )


def _cactus(x: float, foot: float, tall: float) -> str:
    arm = tall * 0.28
    return (
        f"M{x:.2f},{foot:.2f} v{-tall:.2f} M{x - arm:.2f},{foot - tall * 0.78:.2f} v{tall * 0.3:.2f} "
        f"h{2 * arm:.2f} v{-tall * 0.42:.2f} "
    )


def mountains(scene: Scene, wide: float, high: float) -> str:
    """Big grey peaks with white caps behind a meadow."""
    line = high * landscape.HORIZON
    foot = line + 6
    away = -1 if scene.light == "right" else 1
    rock, snowed = _tone(scene, "#8f97a8", 0.3), _snowed(scene)
    peaks = []
    for across, tall, half in PEAKS:
        x, top, reach = wide * across, line * (1.04 - tall - 0.1 * scene.hill), wide * half
        cap = [(x + reach * over, top + (foot + 1 - top) * down) for over, down in CAP]
        side = _polygon((x, top), (x + away * reach, foot + 1), (x + away * reach * 0.2, foot + 1))
        peaks.append(_path(_polygon((x - reach, foot + 1), (x, top), (x + reach, foot + 1)), rock))
        peaks.append(_path(_polygon((x, top), *cap), snowed))
        peaks.append(f'<path d="{side}" fill="#26304e" fill-opacity=".3"/>')
    meadow_top, meadow_low = (_tone(scene, fill) for fill in ("#9acb5c", "#6fae48"))
    return (
        "".join(peaks)
        + landscape.gradient("land", meadow_top, meadow_low)
        + landscape.rect(wide, foot, high + 1, "url(#land)")
    )


def fog(scene: Scene, wide: float, high: float) -> str:
    """A veil over the whole landscape, thin at the feet of the subjects and thick from the horizon up."""
    (tint, thick), line = FOG[scene.time], landscape.HORIZON
    stops = ((0.0, 0.7), (line - 0.1, 0.66), (line + 0.04, 0.68), (line + 0.22, 0.34), (1.0, 0.15))
    ramp = "".join(
        f'<stop offset="{at:.2f}" stop-color="{tint}" stop-opacity="{thick * dense:.2f}"/>' for at, dense in stops
    )
    veil = f'<linearGradient id="fog" x1="0" y1="0" x2="0" y2="1">{ramp}</linearGradient>'
    return veil + landscape.rect(wide, -1, high + 1, "url(#fog)")


DRAWINGS = {"forest": forest, "city": city, "desert": desert, "mountains": mountains}


def backdrop(scene: Scene, wide: float, high: float) -> str:
    """Everything behind the subjects: the sky, the scene's place, and fog over both."""
    drawing = DRAWINGS.get(scene.place) or landscape.DRAWINGS[scene.place]
    veil = fog(scene, wide, high) if scene.weather == "fog" else ""
    line = high * landscape.HORIZON
    struck = landscape.lightning(scene, wide, line) if scene.weather == "storm" else ""
    return landscape.sky_over(scene, wide, line) + drawing(scene, wide, high) + struck + veil
