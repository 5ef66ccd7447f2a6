"""Which language the terminal speaks (终端语言): one at a time, ``zh`` or ``en``."""

import os
from typing import Any

_chosen: list[str] = []
"""What ``--lang`` of the command under way said."""


def choose(said: str | None) -> None:
    """Take a command's ``--lang``; None begins a new command, which has said nothing yet."""
    _chosen[:] = [said] if said else []


def language() -> str:
    """``zh`` or ``en``: as asked, else ``XBORDER_LANG``, else as the terminal's locale says."""
    said = next(iter(_chosen), None) or next(
        filter(None, map(os.environ.get, ("XBORDER_LANG", "LC_ALL", "LANG"))), "zh"
    )
    return "zh" if said.lower().startswith("zh") else "en"


def either(zh: str, en: str) -> str:
    """The text in the language of the terminal."""
    return zh if language() == "zh" else en


def told(said: object) -> str:
    """A text, or what an exception says, in the language of the terminal where it knows both."""
    from xborder.findings import Both  # here, because Polars comes with it

    text = said.args[0] if isinstance(said, BaseException) and said.args else said
    return either(text.zh, text.en) if isinstance(text, Both) else str(said)


def option(_context: Any, _parameter: Any, said: str | None) -> None:
    """What ``--lang`` does, on whichever level of a command it stands."""
    if said:
        choose(said)
