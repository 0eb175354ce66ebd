"""Everything around the subject: sky, ground, contact shadow, ripples, falling snow and rain.

This is not weather simulation: a few shapes with few parameters, so that a small model can learn them.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Callable

from limner.training.world.colours import ground, mix, sky
from limner.training.world.scene import Scene

HORIZON = 0.56
SHADOW_SHIFT = 0.14
"""Share of a subject's box by which its shadow lies away from the light."""
RAYS = (-80, -56, -32, -8, 16, 40, 64)
"""Degrees from straight up, away from the middle, at which the rays of the rising sun stand."""
BOLT = ((0, 0), (-6, 16), (-1, 16), (-8, 34), (7, 11), (2, 11), (7, 0))
"""Corners of a lightning, in units from where it leaves its cloud."""
BOLTS = ((0.2, 1.1), (0.86, 0.8))
"""Where in the width each lightning is, and its size: one is to be seen beside every subject."""
RAINS = {"rain": ("l-2.4,8", 0.9), "storm": ("l-7.5,7.5", 1.05)}
"""A streak of rain as path commands, and its width."""
STARS = ((8, 8), (22, 20), (35, 7), (47, 16), (60, 6), (16, 33), (90, 34), (54, 31), (96, 9))


def gradient(name: str, top: str, low: str, middle: str | None = None) -> str:
    """The definition of a gradient from above to below."""
    between = f'<stop offset=".55" stop-color="{middle}"/>' if middle else ""
    stops = f'<stop offset="0" stop-color="{top}"/>{between}<stop offset="1" stop-color="{low}"/>'
    return f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>'


def rect(wide: float, top: float, bottom: float, fill: str) -> str:
    """A band over the whole width."""
    return f'<rect x="-1" y="{top:.2f}" width="{wide + 2:.2f}" height="{bottom - top:.2f}" fill="{fill}"/>'


def sky_over(scene: Scene, wide: float, line: float) -> str:
    """The sky down to the horizon, with sun, moon, stars and clouds."""
    top, middle, low = sky(scene.time, scene.weather)
    parts = [gradient("sky", top, low, middle), rect(wide, -1, line + 4, "url(#sky)")]
    if scene.time == "night":
        parts.append(_night_lights(scene, wide, line, top))
    elif scene.time == "sunset":
        strength = 1.0 if scene.weather == "clear" else 0.45
        parts.append(_sun(wide * _across(scene, 0.72), line - 5, 12, ("#fff0b0", "#ffb14a"), strength))
    elif scene.time == "dawn":
        parts.append(_rising_sun(scene, wide, line))
    elif scene.weather == "clear":
        parts.append(_sun(wide * _across(scene, 0.85), line * 0.22, 7, ("#fff3a6", "#ffe680"), 1.0))
    if scene.weather in ("snow", "rain", "storm") or (scene.weather, scene.time) == ("clear", "day"):
        parts.append(_clouds(scene, wide, line))
    return "".join(parts)


def _across(scene: Scene, share: float) -> float:
    """Where in the width something stands that stands at `share` of it when the light comes from the right."""
    return share if scene.light == "right" else 1 - share


def _sun(x: float, y: float, radius: float, fills: tuple[str, str], strength: float) -> str:
    core, glow = fills
    return (
        f'<radialGradient id="sun"><stop offset="0" stop-color="{glow}" stop-opacity="{0.8 * strength:.2f}"/>'
        f'<stop offset="1" stop-color="{glow}" stop-opacity="0"/></radialGradient>'
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius * 2.4:.2f}" fill="url(#sun)"/>'
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{core}" fill-opacity="{strength:.2f}"/>'
    )


def _rising_sun(scene: Scene, wide: float, line: float) -> str:
    """A big pale sun that has half risen, and its rays."""
    x, strength = wide * _across(scene, 0.72), 1.0 if scene.weather == "clear" else 0.45
    rays = ""
    for turn in RAYS:
        left, right = (cmath.rect(90, math.radians(turn + side)) for side in (-4, 4))
        rays += f"M{x:.2f},{line:.2f} l{left.imag:.2f},{-left.real:.2f} L{x + right.imag:.2f},{line - right.real:.2f}Z"
    light = f'<path d="{rays}" fill="#fff9dc" fill-opacity="{0.6 * strength:.2f}"/>'
    return light + _sun(x, line - 4, 15, ("#fffbe4", "#fff3c0"), strength)


def lightning(scene: Scene, wide: float, line: float) -> str:
    """Bright jagged bolts out of the clouds of a storm, before all that stands at the horizon."""
    parts = []
    for across, size in BOLTS:
        x, y = wide * _across(scene, across), line * 0.3
        corners = " ".join(f"{x + right * size:.2f},{y + down * size:.2f}" for right, down in BOLT)
        parts.append(f'<path d="M{corners}Z" fill="#ffee7a"/>')
    return "".join(parts)


def _night_lights(scene: Scene, wide: float, line: float, top: str) -> str:
    x, y = wide * _across(scene, 0.84), line * 0.25
    fill = "#fdf6d2" if scene.weather == "clear" else mix("#fdf6d2", top, 0.3)
    glow = _sun(x, y, 7, (fill, "#8fa0e0"), 0.6).rsplit("<circle", 1)[0]
    crescent = f"M{x:.2f},{y - 7:.2f} a7,7 0 1,1 -6.4,9.8 a7.4,7.4 0 0,0 6.4,-9.8 Z"
    parts = [glow, f'<path d="{crescent}" fill="{fill}"/>']
    if scene.weather == "clear":
        stars = "".join(_dot(wide * across / 100, line * down / 56, 0.85) for across, down in STARS)
        parts.append(f'<path d="{stars}" fill="#fff8dc"/>')
    return "".join(parts)


def _clouds(scene: Scene, wide: float, line: float) -> str:
    fill = "#ffffff"
    if scene.weather == "rain":
        fill = mix(sky(scene.time, "rain")[0], "#2c3442", 0.3)
    elif scene.weather == "storm":
        fill = mix(sky(scene.time, "storm")[0], "#10141f", 0.4)
    elif scene.weather == "snow" or scene.time == "night":
        fill = mix(sky(scene.time, "snow")[1], "#ffffff", 0.25)
    clouds = [(0.12 + 0.2 * scene.cloud, 0.2, 1.0), (0.5 + 0.12 * scene.cloud, 0.34, 0.75)]
    if scene.weather == "storm":
        clouds = [(0.5 + 0.1 * scene.cloud, 0.1, 1.5), (0.14 + 0.08 * scene.cloud, 0.17, 1.6), (0.86, 0.16, 1.5)]
    parts = []
    for across, down, size in clouds:
        x, y = wide * _across(scene, across), line * down
        parts.append(
            f'<g transform="translate({x:.2f} {y:.2f}) scale({size})" fill="{fill}">'
            '<ellipse cx="0" cy="2" rx="15" ry="4.5"/><circle cx="-5" cy="-1" r="5.5"/><circle cx="4" '
            'cy="-2" r="6.5"/></g>'
        )
    return "".join(parts)


def _dot(x: float, y: float, radius: float) -> str:
    """A round dot as path commands: one path of many dots draws faster than many circles."""
    arc = f"a{radius:.2f},{radius:.2f} 0 1,0"
    return f"M{x - radius:.2f},{y:.2f}{arc} {2 * radius:.2f},0{arc} {-2 * radius:.2f},0Z"


def _hills(scene: Scene, wide: float, line: float, far: str, near: str) -> str:
    one, two = 5 + 7 * scene.hill, 12 - 7 * scene.hill
    return (
        f'<path d="M-1,{line + 6:.2f} L-1,{line - one:.2f} C{wide * 0.2:.2f},{line - one - 8:.2f} '
        f"{wide * 0.35:.2f},{line - 2:.2f} {wide * 0.55:.2f},{line - 4:.2f} C{wide * 0.7:.2f},{line - two - 8:.2f} "
        f"{wide * 0.9:.2f},{line - two - 4:.2f} {wide + 1:.2f},{line - two:.2f} "
        f'L{wide + 1:.2f},{line + 6:.2f} Z" fill="{far}"/>'
        f'<path d="M-1,{line + 8:.2f} L-1,{line + 1:.2f} C{wide * 0.3:.2f},{line - 6:.2f} '
        f"{wide * 0.6:.2f},{line + 4:.2f} {wide + 1:.2f},{line - 3:.2f} "
        f'L{wide + 1:.2f},{line + 8:.2f} Z" fill="{near}"/>'
    )


def _land(scene: Scene, wide: float, high: float, fills: tuple[str, str, str]) -> str:
    line = high * HORIZON
    far, top, low = (ground(fill, scene.time, scene.weather) for fill in fills)
    if scene.weather == "snow":
        far = mix(far, ground("#8fa9c8", scene.time, "clear"), 0.3)
    return (
        _hills(scene, wide, line, far, top) + gradient("land", top, low) + rect(wide, line + 5, high + 1, "url(#land)")
    )


def _field(scene: Scene, wide: float, high: float) -> str:
    tufts = []
    tone = ground("#4f9a35", scene.time, scene.weather, 0.45)
    for across, down in ((0.08, 0.70), (0.9, 0.72), (0.3, 0.68), (0.66, 0.69), (0.14, 0.95), (0.84, 0.96), (0.5, 0.97)):
        x, y = wide * across, high * down
        tufts.append(
            f"M{x - 2:.2f},{y - 3:.2f} L{x:.2f},{y:.2f} L{x:.2f},{y - 4:.2f} M{x:.2f},{y:.2f} L{x + 2:.2f},{y - 3:.2f}"
        )
    grass = f'<path d="{" ".join(tufts)}" fill="none" stroke="{tone}" stroke-width="1.1" stroke-linecap="round"/>'
    return _land(scene, wide, high, ("#6fb35a", "#8ccb56", "#5aa53c")) + grass


def _road(scene: Scene, wide: float, high: float) -> str:
    line = high * HORIZON + 3
    asphalt_far = ground("#8d9098", scene.time, scene.weather, 0.22)
    asphalt = ground("#6c6f78", scene.time, scene.weather, 0.14)
    edge = ground("#e8e4d4", scene.time, scene.weather)
    paint = ground("#fdf6dc", scene.time, "clear")
    middle, bottom = wide * 0.5, high + 1
    half = wide * 0.56
    parts = [_land(scene, wide, high, ("#6fb35a", "#8ccb56", "#5aa53c")), gradient("road", asphalt_far, asphalt)]
    for extra, fill in ((0.06, edge), (0.0, "url(#road)")):
        reach, tip = half * (1 + extra), 4.0 * (1 + extra * 3)
        parts.append(
            f'<path d="M{middle - tip:.2f},{line:.2f} L{middle + tip:.2f},{line:.2f} '
            f'L{middle + reach:.2f},{bottom:.2f} L{middle - reach:.2f},{bottom:.2f} Z" fill="{fill}"/>'
        )
    for start, end in ((0.04, 0.13), (0.22, 0.36), (0.48, 0.68), (0.82, 1.0)):
        top, low = line + (bottom - line) * start, line + (bottom - line) * end
        thin, thick = 0.35 + 2.2 * start, 0.35 + 2.2 * end
        parts.append(
            f'<path d="M{middle - thin:.2f},{top:.2f} L{middle + thin:.2f},{top:.2f} L{middle + thick:.2f},{low:.2f} '
            f'L{middle - thick:.2f},{low:.2f} Z" fill="{paint}"/>'
        )
    return "".join(parts)


def _beach(scene: Scene, wide: float, high: float) -> str:
    line, shore = high * (HORIZON - 0.04), high * 0.68
    sea = (ground("#2f8fd0", scene.time, scene.weather, 0.25), ground("#4fc0d8", scene.time, scene.weather, 0.25))
    sand = (ground("#f7e2a8", scene.time, scene.weather, 0.78), ground("#e6c077", scene.time, scene.weather, 0.7))
    swell = 2 + 3 * scene.hill
    edge = (
        f"M-1,{shore:.2f} C{wide * 0.25:.2f},{shore + swell:.2f} {wide * 0.4:.2f},{shore - swell:.2f} "
        f"{wide * 0.6:.2f},{shore:.2f} S{wide * 0.9:.2f},{shore + swell:.2f} {wide + 1:.2f},{shore - 1:.2f}"
    )
    foam = ground("#ffffff", scene.time, "clear")
    return (
        gradient("sea", *sea)
        + rect(wide, line, shore + 6, "url(#sea)")
        + gradient("sand", *sand)
        + f'<path d="{edge} L{wide + 1:.2f},{high + 1:.2f} L-1,{high + 1:.2f} Z" fill="url(#sand)"/>'
        + f'<path d="{edge}" fill="none" stroke="{foam}" stroke-width="2.2"/>'
    )


def _snow(scene: Scene, wide: float, high: float) -> str:
    line = high * HORIZON
    pine = ground("#3f6b62", scene.time, scene.weather, 0.3)
    parts = [_land(scene, wide, high, ("#cfdfee", "#fbfdff", "#dbe8f4"))]
    for across, size in ((0.06, 13), (0.16, 9), (0.3, 7), (0.72, 8), (0.86, 10), (0.95, 14)):
        x, y = wide * across, line + 3
        parts.append(
            f'<path d="M{x - size * 0.32:.2f},{y:.2f} L{x:.2f},{y - size:.2f} '
            f'L{x + size * 0.32:.2f},{y:.2f} Z" fill="{pine}"/>'
        )
    return "".join(parts)


def _water(scene: Scene, wide: float, high: float) -> str:
    line = high * (HORIZON - 0.04)
    top, low = (ground(fill, scene.time, scene.weather, 0.18) for fill in ("#5bb4e6", "#1f6fbd"))
    foam = ground("#e8f7ff", scene.time, "clear")
    waves = []
    for down, step in ((0.60, 7.0), (0.70, 10.0), (0.81, 13.0), (0.94, 16.0)):
        y, x = high * down, -step * (0.3 + scene.hill)
        path = [f"M{x:.2f},{y:.2f}"]
        while x < wide:
            path.append(f"q{step / 2:.2f},{-step * 0.32:.2f} {step:.2f},0")
            x += step
        waves.append(
            f'<path d="{" ".join(path)}" fill="none" stroke="{foam}" stroke-opacity=".55" '
            f'stroke-width="{step / 10:.2f}"/>'
        )
    return gradient("sea", top, low) + rect(wide, line, high + 1, "url(#sea)") + "".join(waves)


def ripple(scene: Scene, x: float, base: float, box: float) -> str:
    """Rings on the water around a subject that stands in it."""
    foam = ground("#eefaff", scene.time, "clear")
    return (
        f'<ellipse cx="{x:.2f}" cy="{base:.2f}" rx="{box * 0.5:.2f}" ry="{box * 0.05:.2f}" fill="{foam}" '
        f'fill-opacity=".4"/>'
        f'<ellipse cx="{x:.2f}" cy="{base:.2f}" rx="{box * 0.56:.2f}" ry="{box * 0.075:.2f}" fill="none" '
        f'stroke="{foam}" stroke-opacity=".75" stroke-width="1.1"/>'
    )


def shadow(scene: Scene, x: float, base: float, box: float) -> str:
    """The soft contact shadow under a subject, a little away from the light."""
    strength = 0.55 if scene.time != "night" else 0.7
    x += box * (-SHADOW_SHIFT if scene.light == "right" else SHADOW_SHIFT)
    return (
        f'<radialGradient id="shade"><stop offset=".35" stop-color="#15122e" stop-opacity="{strength}"/>'
        '<stop offset="1" stop-color="#15122e" stop-opacity="0"/></radialGradient>'
        f'<ellipse cx="{x:.2f}" cy="{base - box * 0.01:.2f}" rx="{box * 0.6:.2f}" '
        f'ry="{box * 0.085:.2f}" fill="url(#shade)"/>'
    )


def falling(scene: Scene, wide: float, high: float) -> str:
    """Snowflakes or rain in the air; one of a few fixed patterns."""
    if scene.weather not in ("snow", *RAINS):
        return ""
    rng = random.Random(scene.pattern)
    area = wide * high / 10000
    cells = [(column, row) for column in range(6) for row in range(7)]
    streak, thick = RAINS.get(scene.weather, ("", 0.0))
    parts = []
    for column, row in cells:
        x = (column + rng.uniform(0.1, 0.9)) / 6 * wide
        y = (row + rng.uniform(0.1, 0.9)) / 7 * high
        size = rng.uniform(0.9, 1.5) * area**0.25
        if scene.weather == "snow":
            parts.append(_dot(x, y, size))
        else:
            parts.append(f"M{x:.2f},{y:.2f} {streak}")
    if scene.weather == "snow":
        return f'<path d="{"".join(parts)}" fill="#ffffff"/>'
    streaks = "".join(parts)
    return f'<path d="{streaks}" fill="none" stroke="#d4e4f4" stroke-opacity=".7" stroke-width="{thick:g}"/>'


DRAWINGS: dict[str, Callable[[Scene, float, float], str]] = {
    "field": _field, "road": _road, "beach": _beach, "snow": _snow, "water": _water,
}  # fmt: skip
"""The ground of each flat place, for a frame of (wide, high)."""
