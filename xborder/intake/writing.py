"""How plausible a decoded text is as writing (文字可信度): evidence for an encoding, by script.

Bytes above 7F can be read in several encodings without an error. What tells the right one from
the others is not a vocabulary but how scripts are written: accents stand inside Latin words,
Cyrillic words are Cyrillic throughout and keep their case, Chinese and Japanese use the common
part of their character sets. Each function gives one weight between 0 and 1 a character that is
not ASCII.
"""

import itertools
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONE_LATIN = set("àáéèíóòôöøåæúùÀÁÉÈÍÓÖØÅÆÚ")
RARE_LATIN = set("ðÐþÞýÝÿŸƒˆ")
SYMBOLS = set("€£¥§©®™°±²³½¼¾·´«»¿¡ºªµ×÷–—‘’‚“”„…•№\xa0")
SERBIAN = set("ђјљњћџЂЈЉЊЋЏѓќЃЌѕЅ")
VOWELS = set("аеёиоуыэюяіїєўАЕЁИОУЫЭЮЯІЇЄЎ")
LONE_CYRILLIC = set("авикосуяіїАВИКОСУЯІЇ")
HALF_KATAKANA = range(0xFF61, 0xFFA0)


Weigh = Callable[[str], Iterable[float]]


@cache
def _common(form: str) -> frozenset[str]:
    """Frequent hanzi, simplified or traditional."""
    text = files(__package__).joinpath("hanzi.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[form])


def latin(text: str) -> Iterable[float]:
    """Weights of a text read as a Western language."""
    words = _words(text)
    for index, one in enumerate(text):
        if one.isascii():
            continue
        word = words.get(index, "")
        if one in SYMBOLS:
            yield _symbol(text, index)
        elif not word or not unicodedata.name(one, "").startswith("LATIN"):
            yield 0.0
        elif len(word) == 1:
            yield 0.6 if one in LONE_LATIN else 0.1
        else:
            ascii_share = sum(c.isascii() for c in word) / len(word)
            cased = word.islower() or word.isupper() or word.istitle() or _inner_capitals(word)
            if ascii_share < 0.4 or not cased:
                yield 0.6 if ascii_share >= 0.3 and cased else 0.05
            else:
                yield 0.4 if one in RARE_LATIN else 1.0


def cyrillic(text: str) -> Iterable[float]:
    """Weights of a text read as Russian, Ukrainian, Bulgarian or Serbian."""
    words = _words(text)
    for index, one in enumerate(text):
        if one.isascii():
            continue
        word = words.get(index, "")
        if one in SYMBOLS:
            yield _symbol(text, index)
        elif not word or not "\u0400" <= one <= "\u04ff":
            yield 0.0
        elif len(word) == 1:
            yield 0.6 if one in LONE_CYRILLIC else 0.2
        elif any(c.isascii() and c.isalpha() for c in word):
            yield 0.05
        elif not (word.islower() or word.isupper() or word.istitle()):
            yield 0.1
        elif not VOWELS & set(word) or (len(word) > 2 and not set(word) - VOWELS):
            yield 0.3
        else:
            yield 0.3 if one in SERBIAN else 1.0


def _double(text: str, weigh: Callable[[str], float]) -> Iterable[float]:
    """Weights of full-width scripts: a character between Latin letters is hardly one."""
    for index, one in enumerate(text):
        if one.isascii():
            continue
        left = index > 0 and text[index - 1].isascii() and text[index - 1].isalpha()
        after = text[index + 1 : index + 2]
        right = after.isascii() and after.isalpha()
        yield weigh(one) * (0.15 if left and right else 0.5 if left or right else 1.0)


def simplified(text: str) -> Iterable[float]:
    """Weights of a text read as GB18030: the 3,755 characters of level 1 make up Chinese."""

    common = _common("simplified")

    def weigh(one: str) -> float:
        if one in common:
            return 1.0
        try:
            pair = one.encode("gb2312")
        except UnicodeEncodeError:
            return 0.15
        row = pair[0]
        if row >= 0xB0:
            return 0.9 if row <= 0xD7 else 0.35
        return 0.9 if row in (0xA1, 0xA3) else 0.3

    return _double(text, weigh)


def traditional(text: str) -> Iterable[float]:
    """Weights of a text read as Big5: level 1 (A440 to C67E) makes up Chinese."""

    common = _common("traditional")

    def weigh(one: str) -> float:
        if one in common:
            return 1.0
        row = one.encode("cp950", "replace")[0]
        if 0xA4 <= row <= 0xC6:
            return 0.85
        return 0.9 if row in (0xA1, 0xA2) else 0.2

    return _double(text, weigh)


def japanese(text: str) -> Iterable[float]:
    """Weights of a text read as Shift JIS (cp932)."""
    kana = sum("\u3041" <= c <= "\u30fe" for c in text) / max(1, len(text))

    def weigh(one: str) -> float:
        if "\u3041" <= one <= "\u30fe" or one == "\u3005":
            return 1.0
        if ord(one) in HALF_KATAKANA:
            return 0.3
        pair = one.encode("cp932", "replace")
        if len(pair) < 2:
            return 0.0
        if 0x889F <= int.from_bytes(pair, "big") <= 0x9872:
            return 0.95 if kana else 0.88
        if pair[0] in (0x81, 0x82):
            return 0.9
        return 0.6 if pair[0] == 0x87 else 0.2

    return _double(text, weigh)


def any_script(text: str) -> Iterable[float]:
    """Weights of a text that was decoded as UTF-8, in whatever script it is."""
    by_latin, by_cyrillic = latin(text), cyrillic(text)
    beyond = (one for one in text if not one.isascii())
    for one, first, second in zip(beyond, by_latin, by_cyrillic, strict=True):
        kind = unicodedata.category(one)
        name = unicodedata.name(one, "")
        if "\u3040" <= one <= "\ud7ff" or name.startswith(("THAI", "ARABIC", "HEBREW", "GREEK")):
            yield 1.0
        elif kind in ("Cn", "Co", "Cc", "Mn"):
            yield 0.0
        else:
            yield max(first, second, 0.9 if ord(one) > 0x2000 else 0.0)


def score(weigh: Weigh, texts: Iterable[str]) -> float:
    """The mean weight over all characters beyond ASCII of some texts; 0 without any."""
    weights = [one for text in texts for one in weigh(text)]
    return sum(weights) / len(weights) if weights else 0.0


def _words(text: str) -> dict[int, str]:
    """Index of each letter → the word that it stands in."""
    found: dict[int, str] = {}
    for word in WORD.finditer(text):
        found.update(dict.fromkeys(range(word.start(), word.end()), word[0]))
    return found


def _inner_capitals(word: str) -> bool:
    """``McÖzil``, ``L'Été``, ``GmbHé``: a capital after lower case, never an accent after one."""
    return all(
        here.isascii() or here.islower() or not before.islower()
        for before, here in itertools.pairwise(word)
    )


def _symbol(text: str, index: int) -> float:
    """A sign is plausible beside digits, ASCII letters and blanks, not beside its like."""
    before, after = text[:index].rstrip()[-1:], text[index + 1 :].lstrip()[:1]
    if any(one.isascii() and one.isdigit() for one in (before, after)):
        return 0.85
    near = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
    lone = [one for one in near if not one.isascii() and not one.isalpha()]
    if lone:
        return 0.2
    return 0.75 if near.strip() else 0.3
