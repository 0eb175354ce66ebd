"""Sessions of browsers: a key is shown once and answered with a cookie that no script can read.

The cookie names the key, when it ends, and a signature of both. Nothing is stored: a session ends with its cookie, its
time or its key. What changes anything must also carry a token that only a page of this server can read, so that a
foreign page that makes a browser send the cookie gets nothing done. It knows no route and looks up no key.
"""

import hmac
import re
import time
from typing import Final

from fastapi import Request, Response

from limner.errors import Forbidden, Unauthenticated
from limner.images.blobs import Blobs

COOKIE: Final = "limner_session"
TOKEN_HEADER: Final = "X-Limner-Token"
SESSION_SECONDS: Final = 14 * 24 * 3600
_VALUE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([0-9a-f]{64})")


def cookie_of(request: Request) -> str | None:
    """The session that a request carries, if it shows no key instead."""
    return None if "authorization" in request.headers else request.cookies.get(COOKIE)


def make_cookie(key_id: str, blobs: Blobs) -> str:
    """The value of the cookie of a new session of this key."""
    ends = int(time.time()) + SESSION_SECONDS
    return f"{key_id}.{ends}.{blobs.sign(_signed(key_id), ends)}"


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Give the cookie to the browser, for no script and no other site to use; an empty one takes it away."""
    seconds = SESSION_SECONDS if value else 0
    response.set_cookie(COOKIE, value, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def read_key_id(value: str, blobs: Blobs) -> str:
    """The id of the key behind a cookie; Unauthenticated if it has ended or was never given out."""
    parts = _VALUE.fullmatch(value)
    if parts is None or not blobs.verify(_signed(parts[1]), int(parts[2]), parts[3], time.time()):
        raise Unauthenticated("Your session has ended; sign in again.")
    return parts[1]


def make_token(value: str, blobs: Blobs) -> str:
    """What a page must send back in X-Limner-Token to change anything within this session."""
    return blobs.sign(f"#token/{value}", 0)


def check_token(request: Request, value: str, blobs: Blobs) -> None:
    """Forbidden if a request that changes something does not carry its session's token."""
    sent, token = request.headers.get(TOKEN_HEADER, ""), make_token(value, blobs)
    if request.method not in ("GET", "HEAD") and not hmac.compare_digest(sent.encode(), token.encode()):
        raise Forbidden(f"A request with a session's cookie needs its token in the header {TOKEN_HEADER}.")


def _signed(key_id: str) -> str:
    """`#` begins no path of the image store, so a link's signature never opens a session."""
    return f"#session/{key_id}"
