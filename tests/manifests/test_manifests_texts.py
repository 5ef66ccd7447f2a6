"""Runs of texts: slices of the letters as they lie give what joining the texts would give."""

import numpy as np
import polars as pl
import pytest

from xborder.manifests.texts import joined, laid


def long_ones(count: int) -> list[str]:
    return [f"<文{number:06d}>" + "x" * (9 + number % 700) for number in range(count)]


def just_written(texts: list[str]) -> pl.Series:
    """As ``together`` writes them: one after the other, in buffers that grow."""
    frame = pl.DataFrame({"text": [one[1:] for one in texts]})
    return frame.select(pl.concat_str(pl.lit("<"), "text")).to_series()


COLUMNS = {
    "just written": just_written(long_ones(4000)),
    "read in pieces": pl.concat([pl.Series(long_ones(90)), pl.Series(long_ones(700))]),
    "cut out": just_written(long_ones(4000))[1500:3000],
    "in another order": just_written(long_ones(2000)).reverse(),
    "short": pl.Series([str(number) for number in range(500)]),
    "short among long": pl.Series(["a", *long_ones(300), "", "b" * 12, "c" * 13]),
    "none": pl.Series([], dtype=pl.String),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_runs_of_letters_are_the_texts_joined(name: str) -> None:
    values = COLUMNS[name]
    texts = values.to_list()
    letters = laid(values)
    for first, stop in ((0, len(texts)), (0, 1), (len(texts) // 3, len(texts) // 2), (2, 2)):
        found = b"".join(letters.run(first, stop))
        assert found == "".join(texts[first:stop]).encode()


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("least", [1, 0])
def test_joined_runs_are_texts(name: str, least: int) -> None:
    values = COLUMNS[name]
    counts = np.random.default_rng(7).integers(least, 6, len(values))
    counts = counts[np.cumsum(counts) <= len(values)]
    counts = np.append(counts, len(values) - counts.sum()) if len(values) else counts
    stops = np.cumsum(counts)
    texts = values.to_list()
    wanted = [
        "".join(texts[stop - count : stop]) for stop, count in zip(stops, counts, strict=True)
    ]
    assert joined(values, counts).to_list() == wanted


def test_what_was_just_written_is_not_copied() -> None:
    letters = laid(COLUMNS["just written"])
    assert letters.own
    assert len(letters.buffers) > 2, "texts that lie in several buffers are what this is about"
