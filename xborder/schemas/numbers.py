"""The one definition of a number's text (数字写法), for the schema check and for everyone after it.

A number is an optional minus, ASCII digits, and at most one point with digits after it: no
plus, exponent, blank, group separator, full-width digit, ``NaN`` or ``inf``. No parser's own
idea of a number decides; every engine takes another set of texts.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

MOST_DIGITS = 40
"""Digits before, and digits after the point; longer text is never parsed."""

NUMBER = rf"-?[0-9]{{1,{MOST_DIGITS}}}(?:\.[0-9]{{1,{MOST_DIGITS}}})?"
"""The lexical rule; used with fullmatch."""

_NUMBER = re.compile(NUMBER, re.ASCII)
_LONG_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def parse(text: str) -> int | Decimal | str:
    """The exact number of a text, or the text itself when it is none."""
    if not _NUMBER.fullmatch(text):
        return text
    return Decimal(text) if "." in text else int(text)


def overlong(text: str) -> bool:
    """Whether a text is written like a number and has more digits than are ever parsed."""
    return not _NUMBER.fullmatch(text) and bool(_LONG_NUMBER.fullmatch(text))


def fits(number: int | Decimal, before: int, after: int) -> bool:
    """Whether a number has at most so many digits before and after the point.

    Zeros that add nothing are not counted (``xs:fractionDigits`` does not count them either);
    but a field without decimals (``xs:int``) takes no point at all.
    """
    text = format(number, "f") if isinstance(number, Decimal) else str(number)
    whole, point, fraction = text.lstrip("-").partition(".")
    if point and after == 0:
        return False
    return len(whole.lstrip("0")) <= before and len(fraction.rstrip("0")) <= after


def certain(digits: Sequence[int] | None, least: int | None, strict: bool = False) -> str:
    """A pattern whose matches are numbers that ``fits`` lets through and that reach 0.

    ``digits`` are those of ``x-digits``. With a lower bound a match has no minus (unless the
    bound is below 0), above a strict 0 it has a digit that is not 0, and with any other bound it
    is short enough for an exact ``Decimal(38, 10)``. Odd spellings of good numbers (007,
    1.50000000, -0) may not match: they are for the exact pass.
    """
    before, after = digits or (MOST_DIGITS, MOST_DIGITS)
    before, after = min(before, MOST_DIGITS), min(after, MOST_DIGITS)
    if least not in (None, 0):
        before, after = min(before, 27), min(after, 10)
    sign = "-?" if least is None or least < 0 else ""
    whole = rf"[0-9]{{1,{before}}}" if before else "0"
    fraction = rf"(?:\.[0-9]{{1,{after}}})?" if after else ""
    if least != 0 or not strict:
        return rf"^{sign}{whole}{fraction}$"
    above = [rf"[1-9][0-9]{{0,{before - 1}}}{fraction}"] if before else []
    above += [rf"0\.0{{{n}}}[1-9][0-9]{{0,{after - n - 1}}}" for n in range(after)]
    return rf"^(?:{'|'.join(above)})$"
