"""Documents laid out (排版): many texts gathered, one after another, by one pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from xborder.manifests.texts import arrow, bytes_of


@dataclass(frozen=True)
class Part:
    """A part of what is written: some texts, and which of them stands in each row."""

    texts: pl.Series
    of: np.ndarray


def scattered(places: Sequence[int], texts: Sequence[str], usual: str, height: int) -> Part:
    """Texts at some places of ``height``; elsewhere the ``usual`` one."""
    of = np.zeros(height, np.uint32)
    of[list(places)] = np.arange(1, len(texts) + 1)
    return Part(pl.Series([usual, *texts], dtype=pl.String), of)


def laid_out(
    segments: Sequence[tuple[Sequence[Part], np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """The letters of documents one after another, and where each begins and the last one ends.

    A document is made of all segments in turn; a segment has the parts of one row, then those
    of the next, and for each document as many rows as its counts say.
    """
    widths = [counts * len(parts) for parts, counts in segments]
    ends = np.cumsum(sum(widths))
    begins = np.concatenate([[0], ends])
    order, at, before = np.empty(begins[-1], np.uint32), begins[:-1], 0
    for (parts, counts), width in zip(segments, widths, strict=True):
        many = np.cumsum(counts)
        rows = np.repeat(at - (many - counts) * len(parts), counts)
        rows += np.arange(len(rows)) * len(parts)
        for number, part in enumerate(parts):
            order[rows + number] = part.of + np.uint32(before)
            before += len(part.texts)
        at = at + width
    # In one piece: of several, each text would be sought.
    texts = pl.concat([part.texts for parts, _ in segments for part in parts], rechunk=True)
    letters, places = bytes_of(arrow(texts.gather(pl.Series(order))))
    return letters, places[begins]
