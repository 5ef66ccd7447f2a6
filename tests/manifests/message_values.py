"""Values that a field table allows, drawn by Hypothesis: messages and answers of every kind."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from xborder.manifests import messages

WRITTEN = ("303", "403", "505", "507", "509", "603", "605", "607", "701", "213", "215")
READ = ("304", "404", "506", "508", "510", "604", "606", "608", "702", "214", "216", "792")
FIELDS = Path(messages.__file__).parent / "fields"

# Everything XML 1.0 can carry, and what tends to break writers more often than chance would.
CHARACTERS = st.sampled_from("&<>\"'];\r\t 瓷①㎏\ud7ff\ue000\ufffd\U00010000") | st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters=["\ufffe", "\uffff"]
)


def text(fewest: int, most: int) -> st.SearchStrategy[str]:
    """Texts of so many characters that are more than white space."""
    few = max(fewest, 1)
    drawn = st.text(CHARACTERS, min_size=few, max_size=min(most, few + 6))
    if few > 1:
        # Codes: the schema counts them without white space around.
        return drawn.map(lambda one: re.sub(r"\s", "x", one))
    return drawn.map(lambda one: one if one.strip() else "瓷" * len(one))


def number(digits: str) -> st.SearchStrategy[str]:
    """Plain numbers without trailing zeros."""
    total, _, after = digits.partition(",")
    if not after:
        return st.integers(0, min(10 ** int(total), 2**31) - 1).map(str)
    most = Decimal(10 ** int(total) - 1).scaleb(-int(after))
    return st.decimals(0, most, places=int(after)).map(
        lambda one: format(one, "f").rstrip("0").rstrip(".") or "0"
    )


def value(one: messages.Field) -> st.SearchStrategy[str | None]:
    """What an element may hold; None too where it may be absent."""
    if one.element in ("fFlag", "iFlag"):
        return st.just("3")
    if one.type == "N":
        drawn = number(one.digits)
    else:
        fewest, _, most = one.length.rpartition("..")
        drawn = text(
            int(most) if not fewest and ".." not in one.length else int(fewest or 0), int(most)
        )
    return drawn if one.required else st.none() | drawn


@st.composite
def entities(
    draw: st.DrawFn, kind: str, full: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Heads and lines of one to three documents of a kind (``CEB607``)."""
    table = messages.fields(kind)
    (entity,) = (one for one in table if one.sources == ("heads",) and one.type == "each")
    nodes = [entity.element, *(
        one.element for one in table if one.parent == entity.element and one.type == "node"
    )]  # fmt: skip
    lines = [one for one in table if one.parent == entity.element and one.type == "each"]

    def rows(parents: list[str], count: int) -> list[dict[str, str | None]]:
        leaves = [
            one for one in table if one.parent in parents and one.type not in ("node", "each")
        ]
        return [
            {
                one.element: draw(value(replace(one, required=True) if full else one))
                for one in leaves
            }
            for _ in range(count)
        ]

    def frame(told: list[dict[str, str | None]]) -> pl.DataFrame:
        return pl.DataFrame(told, schema={name: pl.String for name in told[0]}, orient="row")

    heads = frame(rows(nodes, draw(st.integers(1, 3))))
    if not lines:
        return heads, None
    fewest = int(lines[0].length.partition("..")[0])
    counts = [draw(st.integers(fewest, 3)) for _ in range(len(heads))]
    if not sum(counts):
        return heads, None
    items = frame(rows([lines[0].element], sum(counts)))
    of = [at for at, count in enumerate(counts) for _ in range(count)]
    return heads, items.with_columns(pl.Series("entity", of))


TRANSFER = {"copCode": "4414960XXX", "copName": "大埔瓷韵陶瓷有限公司", "dxpId": "DXPENT0000000001"}


def transfer(kind: str) -> dict[str, str] | None:
    """Who sends; an answer has no such thing."""
    return TRANSFER if kind[3:] in WRITTEN else None
