"""The printable sheet of a manifest (清单批次单) as PDF: A4, fonts in it, a code to scan.

It is made when somebody asks for it, of the manifest's rows alone: the same manifest gives the
same bytes. It stands outside the sealed ZIP because it shows the ZIP's checksum.
"""

import io
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import polars as pl
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    KeepTogether,
    LongTable,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from xborder.clock import SHANGHAI
from xborder.manifests import totals, workbook
from xborder.manifests.group import Group
from xborder.manifests.statistics import by_destination, by_heading

FONT = "WenQuanYiMicroHei"

SIZE = 7.5
"""Points of the text in tables."""

MARGIN = 12 * mm
WIDTH = A4[0] - 2 * MARGIN

INK, LINE, PALE = colors.HexColor("#1F4E78"), colors.HexColor("#BFCDD9"), colors.HexColor("#EAF1F7")

LISTS = (
    ("序号\nno.", "place", 8, "r"),
    ("订单编号\norder", "orderNo", 34, "l"),
    ("运单编号\nwaybill", "logisticsNo", 33, "l"),
    ("企业唯一编号\ncopNo", "copNo", 37, "l"),
    ("运抵国\ncountry", "country", 17, "l"),
    ("件数\npkg.", "packNo", 9, "r"),
    ("毛重 kg\ngross", "grossWeight", 14, "r"),
    ("项数\nlines", "lines", 9, "r"),
    ("金额\nvalue", "goodsValue", 16, "r"),
    ("币制\ncur.", "orderCurrency", 9, "l"),
)
"""Columns of the lists: head, source, width in mm, alignment."""


def code(number: str, sha256: str) -> str:
    """What the scannable code says: the manifest's number and the checksum of its ZIP."""
    return f"XBORDER {number} SHA256 {sha256}"


def render(group: Group, sha256: str) -> bytes:
    """The sheet of one manifest; ``group`` holds it alone, ``sha256`` is its ZIP's checksum.

    Heads, counts and weights (kg), values by currency, statistics by heading and destination,
    every list, places to sign. Raises ValueError for a group of several manifests.
    """
    (manifest,) = group.manifests
    (summed,) = totals.totals(group)
    _font()
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=15 * mm,
        title=f"清单批次单 Manifest {manifest.number}",
        author="xborder",
        # No time of making, no random number: the same rows are the same bytes.
        invariant=True,
    )
    told = [
        _head(group, sha256),
        Spacer(0, 4 * mm),
        _batch(group),
        Spacer(0, 4 * mm),
        _sums(group, summed),
        Spacer(0, 4 * mm),
        *_statistics(group),
        _lists(group),
        Spacer(0, 6 * mm),
        KeepTogether([_signatures()]),
    ]
    foot = f"{manifest.number}   SHA-256 {sha256}"
    document.build(told, canvasmaker=lambda *a, **k: _Numbered(foot, *a, **k))
    return made.getvalue()


@cache
def _font() -> None:
    with as_file(files(__package__).joinpath("fonts", f"{FONT}.ttf")) as path:
        pdfmetrics.registerFont(TTFont(FONT, str(path)))


class _Numbered(Canvas):
    """A canvas that writes "page n of m" below: m is known when all pages are drawn."""

    def __init__(self, foot: str, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 (the library's name)
        """Keep the page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        """Write the pages with their numbers."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont(FONT, 6.5)
            self.setFillColor(colors.HexColor("#666666"))
            self.drawString(MARGIN, 9 * mm, self._foot)
            self.drawRightString(A4[0] - MARGIN, 9 * mm, f"{number} / {len(self._pages)}")
            super().showPage()
        super().save()


def _head(group: Group, sha256: str) -> Table:
    (manifest,) = group.manifests
    zh, en = workbook.KIND_NAMES[manifest.kind]
    at = manifest.issued_at.astimezone(SHANGHAI)
    square = QrCodeWidget(code(manifest.number, sha256), barLevel="M")
    left, bottom, right, top = square.getBounds()
    side = 26 * mm
    drawn = Drawing(
        side, side, transform=[side / (right - left), 0, 0, side / (top - bottom), 0, 0]
    )
    drawn.add(square)
    lines = Table(
        [
            ["清单批次单 Clearance manifest"],
            [manifest.number],
            [f"{zh} {en}"],
            [f"签发 issued {at:%Y-%m-%d %H:%M} (UTC+8)"],
        ],
        colWidths=[WIDTH - side - 2 * mm],
        style=TableStyle(
            [
                ("FONTNAME", (0, 0), (-1, -1), FONT),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TEXTCOLOR", (0, 0), (0, 1), INK),
                ("FONTSIZE", (0, 0), (0, 0), 15),
                ("BOTTOMPADDING", (0, 0), (0, 0), 8),
                ("FONTSIZE", (0, 1), (0, 1), 13),
                ("BOTTOMPADDING", (0, 1), (0, 1), 7),
                ("FONTSIZE", (0, 2), (0, -1), 9),
            ]
        ),
    )
    return Table(
        [[lines, drawn]],
        colWidths=[WIDTH - side, side],
        style=TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("LINEBELOW", (0, 0), (-1, -1), 1, INK),
            ]
        ),
    )


def _batch(group: Group) -> Table:
    """What the lists share, two values beside each other."""
    (manifest,) = group.manifests
    widths = [38 * mm, WIDTH / 2 - 38 * mm]
    told = [
        (f"{one['zh']} {one['en']}", " ".join(part for part in (one["value"], one["name"]) if part))
        for one in workbook.batch_values(manifest)
    ]
    told += [("", "")] * (len(told) % 2)
    half = len(told) // 2
    rows = [
        [_wrapped(text, width) for text, width in zip((*left, *right), widths * 2, strict=True)]
        for left, right in zip(told[:half], told[half:], strict=True)
    ]
    return Table(
        rows,
        colWidths=widths * 2,
        style=TableStyle(
            [
                *_PLAIN,
                ("BACKGROUND", (0, 0), (0, -1), PALE),
                ("BACKGROUND", (2, 0), (2, -1), PALE),
                ("TEXTCOLOR", (0, 0), (0, -1), INK),
                ("TEXTCOLOR", (2, 0), (2, -1), INK),
            ]
        ),
    )


def _sums(group: Group, summed: dict[str, Any]) -> Table:
    (manifest,) = group.manifests
    values = "; ".join(
        f"{_money(one['total'])} {one['currency']} "
        f"{manifest.name('currency.customs', one['currency'])}".rstrip()
        for one in summed["by_currency"]
    )
    heads = ["清单数 lists", "商品项数 lines", "件数 packages", "毛重 gross, kg", "净重 net, kg",
             "金额 value"]  # fmt: skip
    widths = [24 * mm, 26 * mm, 26 * mm, 28 * mm, 28 * mm]
    widths.append(WIDTH - sum(widths))
    told = [
        str(summed["lists"]),
        str(summed["goods_lines"]),
        str(summed["packages"]),
        _money(summed["gross_weight_kg"], 0),
        _money(summed["net_weight_kg"], 0),
        values,
    ]
    rows = [heads, [_wrapped(one, width) for one, width in zip(told, widths, strict=True)]]
    return Table(rows, colWidths=widths, style=TableStyle([*_PLAIN, *_HEADED]))


def _statistics(group: Group) -> Iterator[Any]:
    """The covering statistics: by heading, and by destination."""
    for title, heads, widths, frame in (
        (
            "按税目统计 By HS heading",
            ["税目\nheading", "品名\ngoods", "清单数\nlists", "项数\nlines", "金额\nvalue", "币制\ncur."],
            (18, 92, 18, 18, 26, 14),
            by_heading(group),
        ),
        (
            "按运抵国统计 By destination",
            ["运抵国\ncountry", "名称\nname", "清单数\nlists", "件数\npkg.", "毛重 kg\ngross",
             "金额\nvalue", "币制\ncur."],
            (18, 60, 18, 18, 26, 32, 14),
            by_destination(group),
        ),
    ):  # fmt: skip
        sized = [width * mm for width in widths]
        yield KeepTogether([_title(title)])
        yield _table(heads, _cells(frame, sized), sized, "llrrrrl" if len(heads) == 7 else "llrrrl")
        yield Spacer(0, 4 * mm)


def _cells(frame: pl.DataFrame, widths: Sequence[float]) -> Iterator[list[str]]:
    for row in frame.iter_rows(named=True):
        told = [
            _money(value) if name == "total" else str(value or "") for name, value in row.items()
        ]
        yield [_wrapped(one, width) for one, width in zip(told, widths, strict=True)]


def _lists(group: Group) -> KeepTogether | Table:
    (manifest,) = group.manifests
    heads = [one[0] for one in LISTS]
    widths = [one[2] * mm for one in LISTS]
    frame = group.heads.frame.select(
        pl.col(one[1]).cast(pl.String) for one in LISTS
    )  # fmt: skip
    rows = [
        [
            _wrapped(_shown(manifest, source, value), width)
            for (_, source, _, _), value, width in zip(LISTS, row, widths, strict=True)
        ]
        for row in frame.iter_rows()
    ]
    return _table(heads, rows, widths, "".join(one[3] for one in LISTS), title="清单 Lists")


def _shown(manifest: Any, source: str, value: str | None) -> str:
    if value is None:
        return ""
    if source == "country":
        return f"{value} {manifest.name('country.customs', value)}".rstrip()
    if source == "goodsValue":
        return _money(value)
    return _money(value, 0) if source == "grossWeight" else value


def _signatures() -> Table:
    places = ["申报单位经办人 declarant", "监管场所 supervised site", "海关 customs"]
    return Table(
        [[f"{one}\n\n\n日期 date" for one in places]],
        colWidths=[WIDTH / 3] * 3,
        rowHeights=[24 * mm],
        style=TableStyle([*_PLAIN, ("VALIGN", (0, 0), (-1, -1), "TOP")]),
    )


def _title(text: str) -> Table:
    return Table(
        [[text]],
        colWidths=[WIDTH],
        style=TableStyle(
            [
                ("FONTNAME", (0, 0), (-1, -1), FONT),
                ("FONTSIZE", (0, 0), (-1, -1), 10),
                ("TEXTCOLOR", (0, 0), (-1, -1), INK),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ]
        ),
    )


_PLAIN: list[Any] = [
    ("FONTNAME", (0, 0), (-1, -1), FONT),
    ("FONTSIZE", (0, 0), (-1, -1), SIZE),
    ("LEADING", (0, 0), (-1, -1), SIZE + 1.5),
    ("GRID", (0, 0), (-1, -1), 0.4, LINE),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ("RIGHTPADDING", (0, 0), (-1, -1), 2),
]
_HEADED: list[Any] = [
    ("BACKGROUND", (0, 0), (-1, 0), INK),
    ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
    ("ALIGN", (0, 0), (-1, 0), "CENTER"),
]


def _table(
    heads: list[str], rows: Any, widths: list[float], sides: str, title: str | None = None
) -> Any:
    """A table whose heads stand again on every page."""
    aligned = [
        ("ALIGN", (at, 1), (at, -1), "RIGHT") for at, side in enumerate(sides) if side == "r"
    ]
    style = [*_PLAIN, *_HEADED, *aligned]
    body = [heads, *rows]
    first = 1
    if title is not None:
        body = [[title, *[""] * (len(heads) - 1)], *body]
        first = 2
        style = [
            *_PLAIN,
            *[(name, (0, 1), (-1, 1), *rest) for name, _, _, *rest in _HEADED],
            *[(name, (at, 2), (at2, -1), *rest) for name, (at, _), (at2, _), *rest in aligned],
            ("SPAN", (0, 0), (-1, 0)),
            ("GRID", (0, 0), (-1, 0), 0, colors.white),
            ("FONTSIZE", (0, 0), (-1, 0), 10),
            ("TEXTCOLOR", (0, 0), (-1, 0), INK),
            ("BOTTOMPADDING", (0, 0), (-1, 0), 5),
        ]
    return LongTable(body, colWidths=widths, style=TableStyle(style), repeatRows=first)


def _wrapped(text: str, width: float) -> str:
    """A text broken into lines that fit a column, at a blank where there is one; nothing is cut."""
    room = width - 4.5
    if pdfmetrics.stringWidth(text, FONT, SIZE) <= room:
        return text
    lines, line = [], ""
    for letter in text:
        if letter != "\n" and pdfmetrics.stringWidth(line + letter, FONT, SIZE) <= room:
            line += letter
            continue
        before, blank, after = line.rpartition(" ")
        if letter in "\n " or not blank:
            lines.append(line)
            line = "" if letter in "\n " else letter
        else:
            lines.append(before)
            line = after + letter
    return "\n".join([*lines, line])


def _money(text: str, least: int = 2) -> str:
    """A plain decimal with separated thousands and at least so many decimals."""
    whole, _, after = text.partition(".")
    after = after.rstrip("0").ljust(least, "0")
    return f"{int(whole):,}" + (f".{after}" if after else "")
