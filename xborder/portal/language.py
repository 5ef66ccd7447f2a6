"""Which language a reader gets (语言), and the page's texts, which are data in ``texts.toml``."""

import string
import tomllib
from functools import cache
from importlib.resources import files

from starlette.requests import Request

from xborder import findings

LANGUAGES = ("zh", "en")
COOKIE = "xborder_lang"


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts: dotted key → language → text with ``{named}`` places.

    Raises ValueError for a text that one language lacks.
    """
    written = tomllib.loads(files(__package__).joinpath("texts.toml").read_text("utf-8"))
    found: dict[str, dict[str, str]] = {}
    for group, entries in (findings.names() | written).items():
        for name, said in entries.items():
            if set(said) != set(LANGUAGES) or not all(said.values()):
                raise ValueError(f"text {group}.{name} needs zh and en")
            found[f"{group}.{name}"] = said
    return found


class Texts:
    """The texts in one language: ``t(key, place=value)``."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **places: object) -> str:
        """A text with its places filled; KeyError for an unknown key."""
        return string.Formatter().vformat(texts()[key][self.language], (), places)

    def named(self, group: str, name: str | None) -> str:
        """The text of a name that comes from data; the name itself where there is no text."""
        said = texts().get(f"{group}.{name}")
        return said[self.language] if said else name or ""


def choose(request: Request) -> str:
    """The language asked for by ``?lang=``, else the cookie's, else the browser's, else zh."""
    for said in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return str(said)
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> str:
    """The better of our languages for an ``Accept-Language`` header; zh where it names neither."""
    best, chosen = 0.0, "zh"
    for part in header.split(",")[:20]:
        tag, _, rest = part.partition(";")
        primary = tag.strip().lower().split("-")[0]
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        if primary in LANGUAGES and weight > best:
            best, chosen = weight, primary
    return chosen
