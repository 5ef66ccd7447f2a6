"""What was probably meant (相近): near codes of a code table, tariff codes for a name.

Only what can be right is told. A text that is near to many codes alike is near to none, and
digits are never guessed apart from lost zeros: 0119 is not nearer to 011 than to 119.
"""

import math
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from xborder.intake.codes import country_names
from xborder.schemas.tables import Tables

MOST = 3
"""Suggestions for one value."""

LONGEST = 80
"""Characters of a text that may be a code or a name."""

ALIKE = 0.74
"""Least similarity (optimal string alignment, 0 to 1) of a mistyped name."""

NEAR_BEST = 0.15
"""What is so much less near than the best is not told."""

_NAMES = ("code", "name", "name_en", "iso3", "aliases")
_PIECES = re.compile(r"[()（）\[\]【】,，/;；|:：–—-]")
_HANZI = re.compile("[\u4e00-\u9fff]")


class Near(NamedTuple):
    """A code with its names; ``score`` 0 to 1."""

    value: str
    name_zh: str
    name_en: str
    score: float


class _Codes(NamedTuple):
    """``names``: plain name → its codes; ``listed``: the names in order; ``zeroless``: code without
    leading zeros → codes."""

    told: dict[str, tuple[str, str]]
    names: dict[str, list[str]]
    listed: list[str]
    zeroless: dict[str, list[str]]


def plain(text: str) -> str:
    """Letters and digits of a text in one width and case, without accents; words by one space."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(one for one in apart if not unicodedata.combining(one))
    return " ".join(re.findall(r"\w+", kept.replace("_", " ")))


@lru_cache(maxsize=16)
def _codes(tables: Tables, table: str) -> _Codes:
    made = _Codes({}, {}, [], {})
    for row in tables.codes(table).iter_rows(named=True):
        code = row["code"]
        made.told[code] = (row["name"] or "", row.get("name_en") or "")
        if code.isascii() and code.isdigit():
            made.zeroless.setdefault(code.lstrip("0"), []).append(code)
        words = [
            word for key in _NAMES if key in row for word in _split(row[key], key == "aliases")
        ]
        _name(made, code, words)
    if table == "country":
        for word, code in country_names().items():
            if code in made.told:
                _name(made, code, [word])
    made.listed.extend(sorted(made.names))
    return made


def _split(text: str | None, several: bool) -> list[str]:
    return (text or "").split(";") if several else [text or ""]


def _name(made: _Codes, code: str, words: Iterable[str]) -> None:
    for name in filter(None, map(plain, words)):
        known = made.names.setdefault(name, [])
        if code not in known:
            known.append(code)


@lru_cache(maxsize=4096)
def codes(tables: Tables, table: str, text: str) -> tuple[Near, ...]:
    """Codes of a table that a text may mean, the nearest first; at most ``MOST``, often none.

    A code or name within the text (``Deutschland (DE)``), a name mistyped or cut off, zeros lost
    before a number. ``table`` has the columns code and name.
    """
    asked = plain(text)
    if not asked or len(text) > LONGEST:
        return ()
    known = _codes(tables, table)
    score: dict[str, float] = {}

    def told(found: Iterable[str], how_near: float) -> None:
        for code in found:
            score[code] = max(how_near, score.get(code, 0))

    for piece in {text, *_PIECES.split(text)}:
        # A word in small letters is no code: “in”, “it” and “no” are countries.
        if len(plain(piece)) > 3 or piece.strip().isupper() or not piece.strip().isascii():
            told(known.names.get(plain(piece), ()), 1)
    if asked.isascii() and asked.isdigit():
        told(known.zeroless.get(asked.lstrip("0"), ()), 1)
    else:
        for name, found in _misspelt(asked, known):
            told(known.names[name], found)
    return _best(score, known)


def _misspelt(asked: str, known: _Codes) -> Iterable[tuple[str, float]]:
    """Names that a text is mistyped from, begins or is begun by."""
    # Loaded when something is wrong, not with the command.
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    if len(asked) == 3 and asked.isascii():
        # Two letters changed places in a code of three.
        swapped = (asked[1] + asked[0] + asked[2], asked[0] + asked[2] + asked[1])
        yield from ((name, ALIKE) for name in swapped if name in known.names)
    hanzi = _HANZI.search(asked) is not None
    shortest = 2 if hanzi else 4
    if len(asked) < shortest:
        within: Iterable[str] = ()
    elif hanzi:
        # 中华人民共和国香港 begins like one name and holds another: both are told.
        within = (name for name in known.listed if name in asked or asked in name)
    else:
        first = bisect_left(known.listed, asked)
        begun = takewhile(lambda name: name.startswith(asked), known.listed[first:])
        begins = (asked[:end] for end in range(shortest, len(asked)))
        within = (*begun, *(name for name in begins if name in known.names))
    for name in within:
        short, long = sorted((len(asked), len(name)))
        if short >= shortest:
            yield name, 0.8 + 0.2 * short / long
    if len(asked) >= shortest:
        scorer = OSA.normalized_similarity
        near = process.extract(
            asked, known.listed, scorer=scorer, score_cutoff=ALIKE, limit=4 * MOST
        )
        yield from ((name, found) for name, found, _ in near)
    if asked.endswith("s") and asked[:-1] in known.names:
        yield asked[:-1], 1


def _best(score: dict[str, float], known: _Codes) -> tuple[Near, ...]:
    if not score:
        return ()
    order = sorted(score, key=lambda code: (-score[code], code))
    best = score[order[0]]
    if sum(found == best for found in score.values()) > MOST:
        return ()
    kept = [code for code in order if score[code] >= best - NEAR_BEST]
    return tuple(Near(code, *known.told[code], score[code]) for code in kept[:MOST])


MATCHED = 0.4
"""Least share of a name's words, by weight, that a tariff row must have."""

OF_BEST = 0.6
"""A row that has a smaller share of what the best has is not told."""

_LETTER = 0.35
"""Weight of a single Chinese character beside that of a pair."""

_EMPTY = frozenset(["and", "for", "the", "of", "with", "other", "etc", "not", "set", "new", "pcs"])


class _Tariff(NamedTuple):
    """``rows``: code, names, their words; ``having``: word → its rows; ``facts``: unit1, unit2,
    name_zh, name_en of each code."""

    rows: list[tuple[str, str, str, frozenset[str]]]
    having: dict[str, list[int]]
    facts: dict[str, dict[str, str]]


@lru_cache(maxsize=4)
def _tariff(tables: Tables, on: date) -> _Tariff:
    rows, having, facts = [], dict[str, list[int]](), {}
    named = tables.tariff(on).select("hs_code", "name_zh", "name_en", "unit1", "unit2")
    for at, row in enumerate(named.iter_rows(named=True)):
        facts[row["hs_code"]] = {key: value or "" for key, value in row.items()}
        code, zh, en = row["hs_code"], row["name_zh"], row["name_en"]
        words = frozenset(_words(f"{zh or ''} {en or ''}"))
        rows.append((code, zh or "", en or "", words))
        for word in words:
            having.setdefault(word, []).append(at)
    return _Tariff(rows, having, facts)


def of_tariff(tables: Tables, on: date, hs_code: str) -> dict[str, str]:
    """What the tariff says of a code: unit1, unit2, name_zh, name_en; nothing if it is not there."""
    return _tariff(tables, on).facts.get(hs_code, {})


def hs_codes_like(tables: Tables, on: date, text: str) -> tuple[Near, ...]:
    """Tariff codes that a code not written out may be: with points in it, or cut off after six
    digits and more. At most ``MOST``; none where more begin like it."""
    digits = re.sub(r"[\s.]", "", text)
    if not re.fullmatch("[0-9]{6,10}", digits, re.ASCII):
        return ()
    # Of a code that is filled up with zeros the zeros say nothing.
    for begun in (digits.rstrip("0").ljust(6, "0"), digits[:8], digits[:6]):
        found = [one for one in _tariff(tables, on).rows if one[0].startswith(begun)]
        if found:
            return tuple(Near(*one[:3], 1) for one in found) if len(found) <= MOST else ()
    return ()


def _words(text: str) -> dict[str, float]:
    """Words of a name and their weight: English ones in the singular, Chinese characters singly
    and in pairs."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("其他", "")
    words = {}
    for word in re.findall(r"[a-z]{3,}", folded):
        if word not in _EMPTY:
            plural = word.endswith("s") and not word.endswith("ss") and len(word) > 3
            words[word[:-1] if plural else word] = 1.0
    for run in re.findall("[\u4e00-\u9fff]+", folded):
        words |= dict.fromkeys(run, _LETTER)
        words |= {run[at : at + 2]: 1.0 for at in range(len(run) - 1)}
    return words


@lru_cache(maxsize=4096)
def hs_codes(tables: Tables, on: date, name: str) -> tuple[Near, ...]:
    """Tariff codes (商品编码) in whose names the words of a goods name stand, rare words before
    common ones; at most ``MOST``, often none. ``score`` is the share of the words found."""
    asked = _words(name[: 4 * LONGEST])
    known = _tariff(tables, on)
    total, found = 0.0, Counter[int]()
    for word, kind in asked.items():
        having = known.having.get(word, [])
        weight = kind * math.log((len(known.rows) + 1) / (len(having) + 0.5))
        total += weight
        for at in having:
            found[at] += weight  # type: ignore[assignment]
    if not found or total <= 0:
        return ()

    def rank(at: int) -> tuple[float, int, str]:
        code, _, _, words = known.rows[at]
        return -found[at], len(words), code

    order = sorted((at for at in found if found[at] >= MATCHED * total), key=rank)
    best = found[order[0]] if order else 0
    kept = [at for at in order if found[at] >= OF_BEST * best][:MOST]
    return tuple(Near(*known.rows[at][:3], found[at] / total) for at in kept)
