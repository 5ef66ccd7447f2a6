"""One lexical rule for numbers, and how written numbers are brought to it.

Canonical: ASCII digits, at most one point with digits on both sides, a minus only when below
zero, no leading or trailing zeros that say nothing. What cannot be brought to it with
certainty stays as it was written; the schema then says so at its cell.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", re.ASCII)
DIGITS = re.compile(r"[0-9]*(?:\.[0-9]*)?", re.ASCII)
SOURCE = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?", re.ASCII)
SPACED = re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]*)?", re.ASCII)
CURRENCY_MARKS = re.compile(
    r"^(?:(?:US|AU|CA|NZ|HK|SG|C|A|S) \$|[A-Z]{1,3}\$|R\$|Rp\.?|RM|kr\.?|zł|руб\.?"
    r"|[$€£¥₩₹₽฿₫₱₺₪]|[A-Z]{3}\b|RMB)\s*"
    r"|\s*(?:[$€£¥₩₹₽฿₫₱₺₪元]|kr\.?|zł|руб\.?|\b[A-Z]{3})$"
)
DECIMAL_COMMA = re.compile(
    r"[0-9]{1,3}(?:[. ][0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}",
    re.ASCII,
)
DECIMAL_POINT = re.compile(
    r"[0-9]{1,3}(?:[, ][0-9]{3})+\.[0-9]+|[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+"
    r"|[0-9]{1,3}(?:,[0-9]{3}){2,}",
    re.ASCII,
)
EITHER = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}", re.ASCII)
"""``1,234``: a thousand and more, or one and a bit."""
FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)} | {
    0x3000: " ",
    0xFFE5: "¥",
    0x2212: "-",
    0xA0: " ",
    0x202F: " ",
}
"""Full-width forms that Chinese input methods type. Not NFKC, which makes 5² into 52."""
LONGEST = 64
EXCEL_DIGITS = 15


def cell_number(source: str) -> tuple[str, bool]:
    """The number in an XLSX cell as Excel shows it in full (15 digits), without exponent.

    The second value is False when the source is no number that Excel can hold (``NaN``,
    ``1e309``, ``0x10``): then the text comes back as it stands.
    """
    if len(source) <= EXCEL_DIGITS and source.isascii() and source.isdigit():
        return source, True
    source = source.strip()
    if len(source) > LONGEST or not SOURCE.fullmatch(source):
        return source, False
    if "e" not in source and "E" not in source and len(source.replace(".", "")) <= EXCEL_DIGITS:
        return _trimmed(source), True
    value = float(source)
    if value in (float("inf"), float("-inf")):
        return source, False
    return _trimmed(_plain(f"{value:.{EXCEL_DIGITS}g}")), True


def _plain(text: str) -> str:
    """A number without its exponent: ``1.5e+20`` → ``150000000000000000000``."""
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    shift = int(exponent)
    if shift >= 0:
        fraction = fraction.ljust(shift, "0")
        return f"{sign}{whole}{fraction[:shift]}.{fraction[shift:] or '0'}"
    return f"{sign}0.{'0' * (-shift - 1)}{whole}{fraction}"


def _trimmed(text: str) -> str:
    """Digits and a point without the zeros that say nothing; ``-0`` is ``0``."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    whole = whole.lstrip("0") or "0"
    fraction = fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return number if number == "0" else sign + number


@dataclass(frozen=True)
class Convention:
    """What a column's numbers prove: ``point``, ``comma``, ``mixed`` or ``""`` (nothing), and
    the first text that can be read both ways."""

    proved: str
    doubtful: str = ""


def convention(texts: Iterable[str]) -> Convention:
    """Which sign parts the fraction, from every number that can only be read one way."""
    comma = point = False
    doubtful = ""
    for text in texts:
        if "," not in text and "." not in text:
            continue
        number = _bare(text)[0]
        comma |= DECIMAL_COMMA.fullmatch(number) is not None
        point |= DECIMAL_POINT.fullmatch(number) is not None
        if EITHER.fullmatch(number) and (not doubtful or "," in number):
            doubtful = text
    proved = "mixed" if comma and point else "comma" if comma else "point" if point else ""
    return Convention(proved, doubtful)


def readings(text: str) -> str:
    """Both ways to read a number whose sign may part thousands or the fraction: ``A / B``."""
    ways = (canonical(text, one) for one in ("point", "comma"))
    return " / ".join(dict.fromkeys(ways))


def canonical(text: str, convention: str = "point") -> str:
    """A number as people write it → the canonical text, or the text unchanged.

    ``convention`` says which sign parts the fraction: ``point`` (1,234.50) or ``comma``
    (1.234,50). Understood: currency signs and codes around it, brackets or a sign for
    negative, grouped thousands, full-width digits, a leading apostrophe.
    """
    plain = convention == "point" or "." not in text
    if len(text) > LONGEST or (plain and CANONICAL.fullmatch(text) and text != "-0"):
        return text
    number, negative = _bare(text)
    if convention == "comma":
        number = number.translate({ord("."): ",", ord(","): "."})
    if GROUPED.fullmatch(number) or SPACED.fullmatch(number):
        number = number.replace(",", "").replace(" ", "")
    if not DIGITS.fullmatch(number) or not any(map(str.isdigit, number)):
        return text
    return _trimmed(f"-{number}" if negative else number)


def _bare(text: str) -> tuple[str, bool]:
    """The digits and their signs of separation, and whether the number is below zero."""
    number = text.translate(FULL_WIDTH).strip().lstrip("'")
    negative = False
    if number.startswith("(") and number.endswith(")"):
        negative, number = True, number[1:-1].strip()
    number = CURRENCY_MARKS.sub("", number, count=2)
    if number[:1] in ("-", "+"):
        negative, number = negative or number[0] == "-", number[1:].strip()
        number = CURRENCY_MARKS.sub("", number, count=1)
    elif number.endswith("-") and number[:-1].strip():
        negative, number = True, number[:-1].strip()
    return number, negative
