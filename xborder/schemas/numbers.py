"""The one definition of a number's text (数字写法), for the schema check and for everyone after it.

A number is an optional minus, ASCII digits, and at most one point with digits after it: no
plus, exponent, blank, group separator, full-width digit, ``NaN`` or ``inf``. No parser's own
idea of a number decides; every engine takes another set of texts.
"""

import re
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
