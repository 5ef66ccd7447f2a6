"""The form's token (表单令牌): a foreign site can send our form, but not read our cookie.

The same random text stands in a cookie and in the form; both must come back alike.
"""

import secrets

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "xborder_form"
FIELD = "token"


def of(request: Request) -> str:
    """The token of this browser, a new one where it has none."""
    known = request.cookies.get(COOKIE, "")
    return known if 20 <= len(known) <= 64 else secrets.token_urlsafe(24)


def remember(response: Response, token: str) -> None:
    """Leave the token with the browser; other sites' requests never carry it."""
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")


def matches(request: Request, sent: str | None) -> bool:
    """Whether a form came from a page that we gave to this browser."""
    known = request.cookies.get(COOKIE, "")
    return bool(known) and secrets.compare_digest(known.encode(), (sent or "").encode())
