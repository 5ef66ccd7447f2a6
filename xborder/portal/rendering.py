"""Pages from templates (页面): escaped always, in the reader's language."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from xborder.clock import SHANGHAI
from xborder.portal import form_token, language
from xborder.portal.language import Texts

YEAR = 365 * 24 * 3600


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _instant(text: str) -> str:
    return _moment(datetime.fromisoformat(text))


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    amount, unit = (count / 1024, "kB") if count < 1024 * 1024 else (count / 1024 / 1024, "MB")
    return f"{amount:,.1f}".removesuffix(".0") + f" {unit}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _money(text: str) -> str:
    """A plain decimal text with thousands apart; its digits stay as they are."""
    whole, point, part = text.partition(".")
    shown = part.rstrip("0").ljust(2, "0") if point else "00"
    return f"{int(whole):,}.{shown}"


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("xborder.portal"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "moment": _moment,
    "instant": _instant,
    "size": _size,
    "number": _number,
    "money": _money,
}


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page; remembers the chosen language and gives the browser its form token."""
    chosen = language.choose(request)
    other = "en" if chosen == "zh" else "zh"
    token = form_token.of(request)
    said = request.query_params.multi_items()
    switched = [(key, value) for key, value in said if key != "lang"] + [("lang", other)]
    text = ENVIRONMENT.get_template(template).render(
        t=Texts(chosen),
        lang=chosen,
        html_lang="zh-CN" if chosen == "zh" else "en",
        other_url="?" + urlencode(switched),
        other=other,
        path=request.url.path,
        token=token,
        **values,
    )
    response = HTMLResponse(text, status)
    response.headers["vary"] = "accept-language, cookie"
    if request.query_params.get("lang") in language.LANGUAGES:
        response.set_cookie(
            language.COOKIE, chosen, max_age=YEAR, httponly=True, samesite="lax", path="/"
        )
    if request.cookies.get(form_token.COOKIE) != token:
        form_token.remember(response, token)
    return response
