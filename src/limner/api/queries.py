"""Reading query strings: every parameter known, each value of its type. What is wrong is refused by name."""

from fastapi import Request

from limner.errors import InvalidRequest

MAX_DIGITS = 18
"""Longer integers do not fit into the database."""


def read_query(request: Request, *known: str) -> dict[str, list[str]]:
    """The values of each known parameter, in order; InvalidRequest names an unknown one or one with a NUL in it."""
    found: dict[str, list[str]] = {name: [] for name in known}
    for name, value in request.query_params.multi_items():
        if name not in found:
            allowed = ", ".join(known)
            raise InvalidRequest(f"Unknown query parameter `{name[:80]}`; this route takes {allowed}.", field=name[:80])
        if "\x00" in value:
            raise InvalidRequest(f"{name} holds a NUL.", field=name)
        found[name].append(value)
    return found


def read_one(found: dict[str, list[str]], name: str) -> str | None:
    """The one value of a parameter, None if it is absent or empty; InvalidRequest if it is given twice."""
    if len(found[name]) > 1:
        raise InvalidRequest(f"{name} is given more than once.", field=name)
    return found[name][0] or None if found[name] else None


def read_words(found: dict[str, list[str]], name: str, allowed: tuple[str, ...]) -> list[str]:
    """The values of a parameter that may be repeated or hold a list with commas; InvalidRequest for a foreign one."""
    words = [word.strip() for value in found[name] if value.strip() for word in value.split(",")]
    for word in words:
        if word not in allowed:
            raise InvalidRequest(f"{name} must be one or more of {', '.join(allowed)}.", field=name)
    return words


def read_integer(text: str, name: str, least: int, most: int) -> int:
    """The integer in `text`; InvalidRequest unless it lies between `least` and `most`."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and least <= int(text) <= most):
        raise InvalidRequest(f"{name} must be an integer between {least} and {most}.", field=name)
    return int(text)
