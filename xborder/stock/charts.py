"""Charts of the stock report as inline SVG: no script, no network, the same bytes each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
import pygal
from lxml import etree
from markupsafe import Markup
from pygal.style import Style

from xborder.stock import tables
from xborder.stock.ageing import BUCKETS
from xborder.stock.exceptions import plain

FONT = "'Noto Sans CJK SC','Noto Sans SC','PingFang SC','Microsoft YaHei',Arial,sans-serif"
BARS = 10
"""Bars of a chart at most; the tables hold the rest."""

LABEL = 24
WIDTHS = {"closing": 560, "ages": 560, "flow": 1180}
SERIES = ("#1f6f8b", "#e09f3e", "#6a994e", "#9e2a2b", "#7d5ba6", "#5c677d", "#2a9d8f", "#b5838d")
FLOW = ("#12324a", "#3c8dad", "#e09f3e")
AGES = ("#2f7d5b", "#6fae7a", "#b7cf7c", "#f0cf65", "#eda14f", "#dd6b43", "#a6312b")


@dataclass(frozen=True)
class Chart:
    """A drawing with its titles and its legend (colour, text), which the page writes itself."""

    title: tuple[str, str]
    drawing: Markup
    legend: list[tuple[str, str]]


def closing(stock: pl.DataFrame, names: Mapping[str, str]) -> Chart:
    """Closing stock by warehouse, stacked by exporter."""
    sums = stock.group_by("warehouse", "exporter").agg(pl.col("closing").sum())
    houses = _largest(sums, "warehouse", "closing")
    series = {
        names.get(exporter, exporter): _values(part, "warehouse", "closing", houses)
        for exporter, part in _parts(sums, "exporter")
    }
    title = ("各海外仓期末库存", "Closing stock by warehouse")
    return _chart("closing", title, houses, series, SERIES, stacked=True)


def ages(ageing: pl.DataFrame) -> Chart:
    """Stock by warehouse, stacked by age."""
    sums = ageing.group_by("warehouse").agg(
        pl.col("stock").sum(), *[pl.col(name).sum() for name, _ in BUCKETS]
    )
    houses = _largest(sums, "warehouse", "stock")
    series = {
        tables.HEADINGS[name][0]: _values(sums, "warehouse", name, houses) for name, _ in BUCKETS
    }
    title = ("库龄结构", "Age of stock by warehouse, days")
    return _chart("ages", title, houses, series, AGES, stacked=True)


def flow(chain: pl.DataFrame) -> Chart:
    """Declared, received and sold of the SKUs with most units."""
    numbers = ("declared", "received", "sold")
    sums = chain.group_by("sku").agg(
        *[pl.col(name).sum() for name in numbers],
        pl.max_horizontal(numbers).sum().alias("size"),
    )
    skus = _largest(sums, "sku", "size")
    series = {" ".join(tables.HEADINGS[name]): _values(sums, "sku", name, skus) for name in numbers}
    title = ("申报、收货、销售", "Declared, received, sold by SKU")
    return _chart("flow", title, skus, series, FLOW, stacked=False)


def _parts(frame: pl.DataFrame, by: str) -> list[tuple[str, pl.DataFrame]]:
    return [
        (str(key[0]), part) for key, part in sorted(frame.group_by(by), key=lambda x: str(x[0]))
    ]


def _largest(frame: pl.DataFrame, by: str, number: str) -> list[str]:
    sums = frame.group_by(by).agg(pl.col(number).sum().alias("size")).drop_nulls(by)
    top = sums.sort(["size", by], descending=[True, False]).head(BARS)
    return [str(name) for name in top[by]]


def _values(frame: pl.DataFrame, by: str, number: str, names: Sequence[str]) -> list[Decimal]:
    known = dict(zip(frame[by].to_list(), frame[number].to_list(), strict=True))
    return [known.get(name) or Decimal(0) for name in names]


def _short(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _chart(
    name: str,
    title: tuple[str, str],
    labels: Sequence[str],
    series: Mapping[str, Sequence[Decimal]],
    colours: Sequence[str],
    stacked: bool,
) -> Chart:
    """Horizontal bars, the largest on top. Geometry may be inexact, the tables are not."""
    if not labels:
        return Chart(title, Markup(""), [])
    rows = len(labels) * (1 if stacked else len(series))
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="#33424f",
        foreground_strong="#1b2833",
        foreground_subtle="#c9d3da",
        guide_stroke_color="#dde5ea",
        major_guide_stroke_color="#dde5ea",
        guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none",
        colors=tuple(colours[index % len(colours)] for index in range(len(series))),
        opacity="1",
        opacity_hover="1",
        transition="none",
        font_family=FONT,
        label_font_size=12,
        major_label_font_size=12,
        value_font_size=11,
        no_data_font_size=14,
    )
    options: dict[str, Any] = {
        "js": [],
        "style": style,
        "width": WIDTHS[name],
        "height": 50 + rows * (32 if stacked else 14),
        "show_legend": False,
        "show_y_guides": True,
        "show_x_guides": False,
        "truncate_label": LABEL,
        "margin": 4,
        "margin_right": 16,
        "spacing": 8,
        "print_values": not stacked,
        "print_values_position": "top",
        "print_zeroes": False,
        "max_scale": 6,
        "value_formatter": _spoken,
    }
    if not stacked:
        # Room for the number behind the longest bar.
        shown = [Decimal(0), *(value for values in series.values() for value in values)]
        least, most = min(shown), max(shown)
        options["range"] = (float(least), float(most or 1) * 1.06)
    kind = pygal.HorizontalStackedBar if stacked else pygal.HorizontalBar
    chart = kind(**options)
    # pygal names each chart by a random id; its style rules hang on it.
    chart.uuid = f"stock-{name}"
    # Horizontal charts grow from below, their series too.
    chart.x_labels = [_short(label) for label in reversed(labels)]
    for index, values in enumerate(series.values()):
        chart.add(str(index), [float(value) for value in reversed(values)])
    legend = [(colours[index % len(colours)], label) for index, label in enumerate(series)]
    return Chart(title, _inline(chart), legend)


def _spoken(value: float) -> str:
    text = plain(Decimal(str(value)))
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.lstrip("-").isdigit() else text


def _inline(chart: Any) -> Markup:
    """The chart as SVG without scripts, comments (pygal writes the day there) and hidden texts."""
    root = chart.render_tree()
    etree.strip_elements(root, etree.Comment, "{*}script", "{*}desc", "{*}title", with_tail=False)
    root.set("role", "img")
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704 - lxml escaped the labels
