"""Written dates → ISO 8601; the order of day and month is decided for a file, never a cell.

Months in words (``Jan-15-20``, ``03-Mär-26``, ``5 มกราคม 2026``) leave no doubt about the order
and are read by the table ``months.toml``.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from xborder.intake.numbers import FULL_WIDTH

YEAR_FIRST = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[T ]+(.+))?", re.ASCII | re.DOTALL
)
COMPACT = re.compile(
    r"(20[0-9]{2})([01][0-9])([0-3][0-9])([0-2][0-9][0-5][0-9][0-5][0-9])?", re.ASCII
)
YEAR_LAST = re.compile(
    r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}|[0-9]{2})(?:[T ,]+(.+))?", re.ASCII
)
DAY_FIRST_WORD = re.compile(
    r"([0-9]{1,2})\.?[-/ ]([^\W\d_][^0-9:]{1,14}?)\.?[-/ ,]+([0-9]{4}|[0-9]{2})(?:[T ,]+(.+))?"
)
MONTH_FIRST_WORD = re.compile(
    r"([^\W\d_][^0-9:]{1,14}?)\.?[-/ ]([0-9]{1,2})[-/ ,]+([0-9]{4}|[0-9]{2})(?:[T ,]+(.+))?"
)
TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?\s*([AaPp][Mm])?"
    r"\s*(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
ACCENTS = re.compile("[\u0300-\u036f]")
SERIAL = re.compile(r"[0-9]{1,7}(?:\.[0-9]+)?", re.ASCII)
FIRST_SERIAL, LAST_SERIAL = 20_000, 80_000
"""Serial numbers read as dates in a column without date format: 1954 to 2119."""
LONGEST = 64


@dataclass(frozen=True)
class DateOrder:
    """What the dates of a file prove: ``dmy``, ``mdy``, ``mixed``, or ``""`` (nothing)."""

    proved: str
    seen: bool


def order(texts: Iterable[str], twelve_hours: str = "") -> DateOrder:
    """Decide day-first or month-first from every date that can only be read one way.

    A year of two digits proves nothing: ``20/12/31`` may begin with its year.
    ``twelve_hours``: the order that the channel writes wherever its clock says AM or PM.
    """
    day_first = month_first = seen = False
    for text in texts:
        found = YEAR_LAST.fullmatch(text[:LONGEST])
        if found:
            seen = True
            if len(found[3]) == 2:
                continue
            day_first |= int(found[1]) > 12 >= int(found[2])
            month_first |= int(found[2]) > 12 >= int(found[1])
            if twelve_hours and found[4] and found[4].rstrip().lower().endswith(("am", "pm")):
                day_first |= twelve_hours == "dmy"
                month_first |= twelve_hours == "mdy"
    proved = "mixed" if day_first and month_first else "dmy" if day_first else ""
    return DateOrder(proved or ("mdy" if month_first else ""), seen)


def canonical(text: str, date_order: str, zone: str) -> str:
    """A written date or time → ``2026-04-05`` or ``2026-04-05T21:06:21+04:00``.

    A time without an offset gets that of ``zone``. What cannot be read with certainty, or is
    no day of the calendar, comes back as it was written.
    """
    if len(text) > LONGEST:
        return text
    written = text.translate(FULL_WIDTH).strip().lstrip("'")
    compact = COMPACT.fullmatch(written)
    if compact:
        year, month, day, clock = compact.groups()
        clock = f"{clock[:2]}:{clock[2:4]}:{clock[4:]}" if clock else None
        return _iso(year, month, day, clock, zone) or text
    found = YEAR_FIRST.fullmatch(written)
    if found:
        return _iso(found[1], found[2], found[3], found[4], zone) or text
    found = YEAR_LAST.fullmatch(written)
    if found and date_order in ("dmy", "mdy"):
        day, month = (found[1], found[2]) if date_order == "dmy" else (found[2], found[1])
        return _iso(_century(found[3]), month, day, found[4], zone) or text
    for pattern, day_at, month_at in ((DAY_FIRST_WORD, 1, 2), (MONTH_FIRST_WORD, 2, 1)):
        found = pattern.fullmatch(written)
        number = _months().get(_word(found[month_at])) if found else None
        if found and number:
            return _iso(_century(found[3]), number, found[day_at], found[4], zone) or text
    return text


def readings(text: str) -> str:
    """The ways to read a date whose parts could change places: ``A / B``."""
    ways = [canonical(text, one, "UTC")[:10] for one in ("dmy", "mdy")]
    found = YEAR_LAST.fullmatch(text)
    if found and len(found[1]) == len(found[3]) == 2:
        ways.append(_iso(_century(found[1]), found[2], found[3], None, "UTC") or text[:10])
    return " / ".join(dict.fromkeys(way for way in ways if way != text[:10]))


def _century(year: str) -> str:
    """Two digits are of this century: no order is older."""
    return year if len(year) == 4 else f"20{year}"


def _word(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return ACCENTS.sub("", plain).removeprefix("de ").strip(" .")


@cache
def _months() -> dict[str, str]:
    """Word (casefolded, without accents) → number of the month."""
    text = files(__package__).joinpath("months.toml").read_text("utf-8")
    words = tomllib.loads(text)["months"]
    return {_word(word): number for number, names in words.items() for word in names}


def _iso(year: str, month: str, day: str, clock: str | None, zone: str) -> str | None:
    try:
        moment = datetime(int(year), int(month), int(day))  # noqa: DTZ001 - the zone follows
    except ValueError:
        return None
    if clock is None or not clock.strip():
        return moment.date().isoformat()
    time = TIME.fullmatch(clock.strip())
    if not time:
        return None
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    half = (time[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    try:
        moment = moment.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        return None
    offset = time[5]
    if offset in ("Z", "UTC", "GMT"):
        return moment.isoformat() + "+00:00"
    if offset:
        return moment.isoformat() + f"{offset[:3]}:{offset[-2:]}"
    return moment.replace(tzinfo=ZoneInfo(zone)).isoformat()


def serial(text: str, base_1904: bool, zone: str, formatted: bool) -> str:
    """An Excel serial number → ISO, or the text unchanged when it can be no date.

    ``formatted`` tells that the cell shows a date; otherwise only numbers of plausible days
    are taken.
    """
    if not SERIAL.fullmatch(text):
        return text
    days = float(text) + (1462 if base_1904 else 0)
    if not formatted and not FIRST_SERIAL <= days <= LAST_SERIAL:
        return text
    if not 1 <= days < 2_958_466:
        return text
    # Excel counts a 29 February 1900 that never was.
    moment = datetime(1899, 12, 30 if days >= 61 else 31) + timedelta(  # noqa: DTZ001
        seconds=round(days * 86_400)
    )
    if moment.time().isoformat() == "00:00:00":
        return moment.date().isoformat()
    return moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
