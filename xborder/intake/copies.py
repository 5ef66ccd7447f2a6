"""Annotated copies that come back (批注件回传): which file a copy is of.

A copy says it twice, as a document property and as a text on the sheet of issues: a program
that saves it may drop the one, a user the other. A mark is a claim, not a proof; what it leads
to is looked up among the exporter's own uploads.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xborder.intake.grid import Sheet
from xborder.intake.layouts import Layout
from xborder.intake.limits import refuse

ISSUES = "问题清单 Issues"
"""The sheet of findings that an annotated copy carries; it may come back with the corrections."""

PROPERTY = "xborder copy"
PART = "docProps/custom.xml"
_ROWS = 4
"""The mark stands in the sheet's first rows."""

_MARK = re.compile(
    r"xborder:copy:1:(?P<sha256>[0-9a-f]{64}):(?P<layout>[\w@-]{1,80}):(?P<sheets>[0-9]{1,3})",
    re.ASCII,
)


@dataclass(frozen=True)
class Origin:
    """The file that a copy is of: its SHA-256, the layout it was read as, how many of its
    sheets were read."""

    sha256: str
    layout: str
    sheets: int

    def __str__(self) -> str:
        """The mark."""
        return f"xborder:copy:1:{self.sha256}:{self.layout}:{self.sheets}"


def origin(members: Mapping[str, bytes], sheets: Iterable[Sheet]) -> Origin | None:
    """Which file a workbook is an annotated copy of; None where it bears no mark."""
    told = [members.get(PART, b"").decode("utf-8", "replace")]
    for sheet in sheets:
        if sheet.name == ISSUES:
            told += [
                text for row in sheet.rows if row.number <= _ROWS for text in row.texts if text
            ]
    for text in told:
        if found := _MARK.search(text):
            return Origin(found["sha256"], found["layout"], int(found["sheets"]))
    return None


def layouts_of(copy: Origin | None, layouts: Sequence[Layout]) -> Sequence[Layout]:
    """The layout in which a copy's original was read; all where that is not known."""
    own = [one for one in layouts if copy is not None and one.layout == copy.layout]
    return own or layouts


def heads_stand(copy: Origin | None, layouts: Sequence[Layout], read: int) -> None:
    """Refuse a copy of whose sheets fewer can be read (``read``) than of its original's.

    Raises Refused with COPY_HEADS_GONE.
    """
    if copy is not None and read < copy.sheets and len(layouts_of(copy, layouts)) == 1:
        refuse("COPY_HEADS_GONE", value=str(read), expected=str(copy.sheets), layout=copy.layout)
