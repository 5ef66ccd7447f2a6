"""The patterns that every regular-expression engine in use reads alike.

A pattern is read by Rust's ``regex`` (Polars, jsonschema-rs) and by Python's ``re`` (the
fallback), and JSON Schema means ECMA's. So only what all of them understand in the same way is
let in, token by token, and everything else is refused rather than guessed at: ``\\d \\w \\s \\b``
(Unicode or ASCII?), ``.`` (which line ends does it pass over?), look-around, back-references,
possessive quantifiers, named classes, and set operations inside a class.
"""

import re

_TOKEN = re.compile(
    r"""
      (?P<escaped>\\[\^$\\.*+?()\[\]{}|/tnr])
    | (?P<class>\[\^?(?:[^\\\[\]]|\\[\^$\\.*+?()\[\]{}|/tnr-])+\])
    | (?P<group>\(\?:|\((?!\?)|\)|\|)
    | (?P<times>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?![*+?{]))
    | (?P<start>\^)
    | (?P<end>\$)
    | (?P<plain>[^\\\[\](){}*+?.^$|])
    """,
    re.VERBOSE | re.DOTALL,
)
_SET_OPERATION = re.compile(r"&&|--|~~|\|\||(?<!\\)\$")


def _tokens(pattern: str) -> list[re.Match[str]]:
    tokens, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(f"read differently elsewhere at {pattern[at : at + 8]!r}")
        if token["class"] and _SET_OPERATION.search(token["class"]):
            raise ValueError(f"read differently elsewhere at {token['class']!r}")
        tokens.append(token)
        at = token.end()
    return tokens


def check(pattern: str) -> None:
    """Raises ValueError, which names the place, for a pattern that engines read differently."""
    try:
        re.compile(for_python(pattern))
    except re.error as error:
        raise ValueError(str(error)) from error


def for_python(pattern: str) -> str:
    """The pattern as Python must see it: its own ``$`` also stands before a last line feed."""
    return "".join(r"\Z" if token["end"] else token[0] for token in _tokens(pattern))


def accepts_empty(pattern: str) -> bool:
    """Whether the empty text matches."""
    return re.search(for_python(pattern), "") is not None
