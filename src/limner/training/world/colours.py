"""Colours of the picture world and how time and weather change them.

This is not a colour-management library: plain sRGB triples, mixed linearly.
"""

from __future__ import annotations

Rgb = tuple[float, float, float]

PALETTE: dict[str, str] = {
    "red": "#d92323",
    "orange": "#f58212",
    "yellow": "#fbd51f",
    "green": "#2f9e3c",
    "blue": "#2461dc",
    "purple": "#7d35bd",
    "pink": "#f88fbe",
    "brown": "#80491f",
    "white": "#f8f7f3",
    "black": "#2b2c33",
    "grey": "#9197a1",
}

SUBJECT_LIGHT: dict[str, Rgb] = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.93, 0.88), "night": (0.88, 0.87, 0.96),
    "dawn": (0.97, 0.95, 0.99),
}  # fmt: skip
# Colours that would turn olive or grey under a violet shade keep a warm one.
WARM_SHADES = {"yellow": "#b8600c", "orange": "#8a2f06"}
GROUND_LIGHT: dict[str, Rgb] = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.80, 0.70), "night": (0.42, 0.49, 0.72),
    "dawn": (0.80, 0.87, 0.98),
}  # fmt: skip
SKIES: dict[str, tuple[str, str, str]] = {
    "day": ("#4da3ec", "#8ec9f7", "#dff2fd"),
    "sunset": ("#7a4a9c", "#f0705a", "#ffd077"),
    "night": ("#0b1238", "#182356", "#34437f"),
    "dawn": ("#ee9cc6", "#fbc0ba", "#ffefb0"),
}
GREY_SKIES: dict[str, tuple[str, str, str]] = {
    "day": ("#8794a3", "#a3afbb", "#c5cdd4"),
    "sunset": ("#756078", "#b07a72", "#dca984"),
    "night": ("#141a2e", "#222a42", "#3a4359"),
    "dawn": ("#b9a3b4", "#d0b8bd", "#e8d9c4"),
}
STORM = "#1f2636"
"""What the clouds of a storm darken sky and ground towards."""
SNOW = "#f5f9fd"


def parse(colour: str) -> Rgb:
    """Turn `#rrggbb` into three numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def text(rgb: Rgb) -> str:
    """Turn three numbers into `#rrggbb`, clamped."""
    red, green, blue = (max(0, min(255, round(value))) for value in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"


def mix(first: str, second: str, share: float) -> str:
    """Blend towards `second` by `share`."""
    red, green, blue = (one + (two - one) * share for one, two in zip(parse(first), parse(second), strict=True))
    return text((red, green, blue))


def lit(colour: str, light: Rgb) -> str:
    """Multiply by a light."""
    rgb = parse(colour)
    return text((rgb[0] * light[0], rgb[1] * light[1], rgb[2] * light[2]))


def ground(colour: str, time: str, weather: str, snow_cover: float = 0.88) -> str:
    """The colour of something in the landscape under a time and a weather."""
    if weather == "snow":
        colour = mix(colour, SNOW, snow_cover)
    elif weather == "rain":
        colour = mix(colour, "#66727c", 0.32)
    elif weather == "storm":
        colour = mix(colour, "#4a5566", 0.5)
    if time == "night" and min(parse(colour)) > 190:
        return lit(colour, (0.62, 0.69, 0.86))
    return lit(colour, GROUND_LIGHT[time])


def sky(time: str, weather: str) -> tuple[str, str, str]:
    """Top, middle and horizon colour of the sky."""
    if weather == "clear":
        return SKIES[time]
    top, middle, low = GREY_SKIES[time]
    if weather == "rain":
        return top, middle, low
    if weather == "storm":
        return mix(top, STORM, 0.7), mix(middle, STORM, 0.5), mix(low, STORM, 0.25)
    pale = SKIES[time]
    return mix(top, pale[0], 0.45), mix(middle, pale[1], 0.45), mix(low, pale[2], 0.45)


def subject_tokens(colour: str, time: str, shade: float) -> dict[str, str]:
    """The placeholder colours of a kind file, for a subject of this colour."""
    light = SUBJECT_LIGHT[time]
    main = lit(PALETTE[colour], (light[0] * shade, light[1] * shade, light[2] * shade))
    dark_share = 0.22 if colour == "white" else 0.34
    light_share = 0.16 if colour == "black" else 0.36
    line = mix(main, "#15121c", 0.62)
    if colour == "black":
        line = "#9aa0b4" if time == "night" else "#6a6e7c"
    reddish = colour in ("red", "pink", "orange", "brown")
    return {
        "main": main,
        "dark": mix(main, WARM_SHADES.get(colour, "#2a2440"), dark_share),
        "light": mix(main, lit("#ffffff", light), light_share),
        "ink": "#1b1920" if colour != "black" else "#0d0d11",
        "line": line,
        "accent": "#2f7fd0" if reddish else "#d8322f",
        "trim": lit("#d8322f" if colour == "white" else "#fffaf0", light),
        "window": "#ffe07a" if time == "night" else lit("#cfeafa", light),
    }
