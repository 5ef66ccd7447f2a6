"""Runs of texts are slices of letters; what stands in all rows is looked at once, and says the
same."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xborder.manifests import repeats
from xborder.manifests.layout import Part, laid_out, scattered
from xborder.manifests.messages import ENTITY, document
from xborder.manifests.texts import Texts, around, arrow, look, together, written


def long_ones(count: int) -> list[str]:
    return [f"<文{number:06d}>" + "x" * (9 + number % 700) for number in range(count)]


COLUMNS = {
    "long": pl.Series(long_ones(4000)),
    "read in pieces": pl.concat([pl.Series(long_ones(90)), pl.Series(long_ones(700))]),
    "cut out": pl.Series(long_ones(4000))[1500:3000],
    "short": pl.Series([str(number) for number in range(500)]),
    "short among long": pl.Series(["a", *long_ones(300), "", "b" * 12, "c" * 13]),
    "none": pl.Series([], dtype=pl.String),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("least", [1, 0])
def test_documents_are_laid_out_in_their_order(name: str, least: int) -> None:
    values = COLUMNS[name]
    counts = np.random.default_rng(7).integers(least, 6, len(values))
    counts = counts[np.cumsum(counts) <= len(values)]
    counts = np.append(counts, len(values) - counts.sum()) if len(values) else counts
    heads, stops, texts = len(counts), np.cumsum(counts), values.to_list()
    wanted = [
        f"{head % 3}|" + "".join(f"{text};" for text in texts[stop - count : stop]) + "."
        for head, (stop, count) in enumerate(zip(stops, counts, strict=True))
    ]
    once = np.ones(heads, np.int64)
    three = Part(pl.Series(["0", "1", "2"]), np.arange(heads) % 3)
    lines = Part(values, np.arange(len(values)))
    end = scattered([], [], ".", heads)
    letters, at = laid_out(
        [
            ([three, Part(pl.Series(["|"]), np.zeros(heads, np.int64))], once),
            ([lines, Part(pl.Series([";"]), np.zeros(len(values), np.int64))], counts),
            ([end], once),
        ]
    )
    found = [bytes(letters[at[one] : at[one + 1]]).decode() for one in range(heads)]
    assert found == wanted


def test_pieces_of_all_kinds_make_a_row() -> None:
    some = pl.Series(["一", None, ""])
    assert written(["<", "a>", some, pl.Series([1, 2, 3]), arrow(some), "!"], 3).to_pylist() == [
        "<a>一1一!", "<a>2!", "<a>3!",
    ]  # fmt: skip
    assert written(["<", "&"], 2).to_pylist() == ["<&", "<&"]
    assert written(["<", some.clear()], 0).to_pylist() == []
    assert together([some, "."], 3).to_list() == ["一.", ".", "."]
    assert around("<", arrow(some), ">").to_pylist() == ["<一>", None, "<>"]
    assert written([around("<", arrow(some), ">")], 3).to_pylist() == ["<一>", "", "<>"]
    told = scattered([0, 3], ["文", "ab"], "-", 5)
    assert told.texts.gather(told.of).to_list() == ["文", "-", "-", "ab", "-"]


CELLS = st.sampled_from(
    ["A", "", None, " ", "a & <b>", "0.50", "007", "x" * 13, "x" * 14, "文" * 9, "\x01", "y" * 1001]
)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=14, max_size=14),
    st.lists(st.integers(1, 4), min_size=1, max_size=40),
    st.integers(0, 2**32),
)
def test_what_repeats_is_written_as_each_row_would_be(
    pools: list[list[str | None]], counts: list[int], seed: int
) -> None:
    drawn = np.random.default_rng(seed)
    sound = ["itemNo", "itemName", "unit", "currency", "qty", "price", "totalPrice"]
    pools = [["1", "2.0", *pool] if drawn.random() < 0.3 else pool for pool in pools]
    kinds = {"qty": ["2", "3.50"], "price": ["1.0", "2"], "totalPrice": ["2", "7.0"],
             "unit": ["007", "011"], "currency": ["502"]}  # fmt: skip
    names = [*sound, "itemDescribe", "barCode", "note"]

    def column(name: str, pool: list[str | None], height: int) -> pl.Series:
        own = kinds.get(name, ["A", "B & C"]) if name in sound and drawn.random() < 0.95 else pool
        return pl.Series(name, [own[one] for one in drawn.integers(0, len(own), height)], pl.String)

    heads = len(counts)
    entities = [
        pl.Series(name, [value] * heads, pl.String)
        for name, value in {"appType": "1", "appTime": "20261122120000", "appStatus": "2",
                            "orderType": "E", "ebpCode": "无", "ebpName": "S", "ebcCode": "4",
                            "ebcName": "大", "goodsValue": "1.50", "currency": "502"}.items()
    ]  # fmt: skip
    entities += [
        pl.Series("guid", [f"{one:036d}" for one in range(heads)]),
        pl.Series("orderNo", [f"#{one}" for one in range(heads)]),
        column("freight", ["0", "1.50", *pools[12][:1]], heads),
        column("note", pools[13], heads),
    ]
    items = [pl.Series(ENTITY, np.repeat(np.arange(heads), counts))]
    items += [column(name, pool, sum(counts)) for name, pool in zip(names, pools, strict=False)]

    def told(fewest: int) -> "list[bytes] | str":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(repeats, "FEWEST", fewest)
            patch.setattr(repeats, "MOST", 2)
            try:
                made = document("CEB303", "N", None, pl.DataFrame(entities), pl.DataFrame(items))
            except ValueError as error:
                return str(error)
            return [one.content for one in made]

    assert told(2) == told(10**9)


@given(st.lists(CELLS, min_size=1, max_size=60), st.lists(CELLS, min_size=60, max_size=60))
def test_rows_that_are_alike_have_the_same_text(
    one: list[str | None], other: list[str | None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "FEWEST", 0)
        patch.setattr(repeats, "MOST", 1)
        both = repeats.both(
            repeats.alike(pl.Series(one, dtype=pl.String)),
            repeats.alike(pl.Series(other[: len(one)], dtype=pl.String)),
        )
    if both is None:
        return
    rows = list(zip(one, other, strict=False))
    assert both.count == len(both.different)
    for row, first, place in zip(rows, both.first, both.of, strict=True):
        assert [cell or "" for cell in row] == [cell or "" for cell in rows[first]]
        assert both.each or both.different[int(place)] == first


SAME = ["A", "0.500", "a & <b>", "文\r", " x ", "=1", "a_b", "007", "-1.0", "1.5.0"]


@pytest.mark.parametrize("text", SAME)
def test_what_is_the_same_everywhere_says_what_single_cells_say(text: str) -> None:
    """Beside a row that differs, each cell is looked at; the same text alone, but once."""
    alone = Texts(pl.DataFrame({"c": [text] * 3}))
    among = Texts(pl.DataFrame({"c": [text] * 3 + ["7"]}))
    one, each = alone.value(("c",), ""), among.value(("c",), "")
    assert (one.same, each.same, one.absent) == (text, None, 0)
    assert one.look == look(arrow(pl.Series([text] * 3)))
    assert isinstance(one.xml, str)
    assert not isinstance(each.xml, str)
    assert [one.xml] * 3 == each.xml.to_pylist()[:3]
    short, shorts = alone.number(("c",), ""), among.number(("c",), "")
    assert short.values.to_list() == shorts.values.to_list()[:3] == [short.same] * 3
    if shorts.places is not None:
        assert short.places is not None
        assert short.places.tolist() == shorts.places.tolist()[:3]


def test_what_stands_nowhere_is_absent_and_a_default_stands_everywhere() -> None:
    frame = pl.DataFrame({"blank": [" ", " "], "empty": ["", ""], "null": [None, None],
                          "some": ["", "x"], "all": ["y", "z"]},
                         schema_overrides={"null": pl.String})  # fmt: skip
    texts = Texts(frame)
    for name in ("blank", "empty", "null", "gone"):
        assert texts.value((name,), "").absent == 2
        assert texts.value((name,), "0").same == "0"
        assert texts.number((name,), "0.10").same == "0.1"
        assert texts.value((name, "some"), "").values.to_list() == [None, "x"]
        assert texts.value((name, "some"), "d").values.to_list() == ["d", "x"]
        assert texts.value((name, "some", "all"), "d").values.to_list() == ["y", "x"]
        assert texts.value(("all", name), "d").values.to_list() == ["y", "z"]


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [("，。！＂｝\ufffd\ufb01", False), ("a\ufffe", True), ("\uffffb", True), ("\x01", True)],
)
def test_only_the_ends_of_a_plane_are_forbidden_among_what_begins_alike(
    text: str, forbidden: bool
) -> None:
    assert look(arrow(pl.Series(["x", text]))).forbidden == forbidden


NUMBERS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{0,4})?", fullmatch=True)
ODD = st.sampled_from(["-1.50", "1.2.30", ".5", "1,0", "1/2", "x", " 1.0", "1e5.0", "<1.0", "瓷.0"])


@given(st.lists(st.none() | NUMBERS, min_size=1), st.lists(ODD, max_size=1), st.integers(0, 2))
def test_numbers_are_shortened_by_letters_as_by_cell(numbers, odd, before):
    """The fast way is taken where all are plain; a slice of a column is no other column."""
    whole = pl.Series("n", ["7.70"] * before + numbers + odd, pl.String)
    short = [one.rstrip("0").rstrip(".") if one and "." in one else one for one in whole[before:]]
    found = Texts(whole[before:].to_frame()).number(("n",), "")
    assert found.values.to_list() == short
    if found.same is None and found.absent < len(short):
        assert found.xml.to_pylist() == [one and one.replace("<", "&lt;") for one in short]
    if found.places is not None:
        told = [len(one.partition(".")[2]) if one else 0 for one in short]
        assert found.places.tolist() == told
        there = [len(one) for one in short if one]
        assert (found.look.shortest, found.look.longest) == (min(there), max(there))
    else:
        assert odd or not any(numbers)
