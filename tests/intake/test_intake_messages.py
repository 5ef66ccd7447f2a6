"""A reader's messages: what goes in comes out, and nothing is believed that is too much."""

import contextlib
import json
import os
import struct
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xborder.intake import child
from xborder.intake.messages import Collector

TEXTS = st.none() | st.text(max_size=30) | st.just("a text of more than twelve bytes, 数量")
TABLES = st.lists(
    st.lists(st.tuples(TEXTS, st.none() | st.integers(0, 2**32 - 1), TEXTS), max_size=9).map(
        lambda rows: pl.DataFrame(
            rows, schema={"a": pl.String, "row": pl.UInt32, "b": pl.String}, orient="row"
        )
    ),
    min_size=1,
    max_size=3,
)


def collected(
    write: Callable[[Any], None], most: int = 1 << 24
) -> tuple[bool, Collector, list[tuple[dict[str, Any], list[pl.DataFrame]]]]:
    """What comes of what ``write`` writes: whether it ended well, and each message."""
    taken: list[tuple[dict[str, Any], list[pl.DataFrame]]] = []
    (answer, answering), (errors, erring) = os.pipe(), os.pipe()
    os.close(erring)

    def run() -> None:
        try:
            with os.fdopen(answering, "wb") as out:
                write(out)
        except OSError:
            pass  # who reads has gone: it was too much

    writer = threading.Thread(target=run)
    writer.start()
    collector = Collector(answer, errors, most, 60, lambda *one: taken.append(one))
    try:
        done = collector.run()
    finally:
        os.close(answer)
        os.close(errors)
        writer.join()
    return done, collector, taken


@given(st.lists(TABLES, max_size=3), st.integers(1, 4), st.booleans())
def test_tables_come_as_they_were_sent(
    messages: list[list[pl.DataFrame]], step: int, loaded: bool
) -> None:
    def write(out: Any) -> None:
        for number, tables in enumerate(messages):
            child._write(out, {"number": number}, *tables)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "STEP", step)
        if not loaded:
            patch.delitem(sys.modules, pyarrow.__name__)
        done, collector, taken = collected(write)
    assert done
    assert collector.whole
    assert [said["number"] for said, _ in taken] == list(range(len(messages)))
    for (_, found), sent in zip(taken, messages, strict=True):
        assert [one.equals(other) for one, other in zip(found, sent, strict=True)] == [True] * len(
            sent
        )
        assert all(one.schema == other.schema for one, other in zip(found, sent, strict=True))


FRAME = pl.DataFrame({"a": [f"a text of more than twelve bytes {one}" for one in range(5000)]})


def sent(out: Any, frame: pl.DataFrame = FRAME) -> None:
    child._write(out, {}, frame)


def written(frame: pl.DataFrame = FRAME) -> bytes:
    """The bytes of one message."""
    with tempfile.TemporaryFile() as file:
        sent(file, frame)
        file.seek(0)
        return file.read()


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    )
)
def test_damage_is_told_and_never_ends_the_process(damage: list[tuple[float, int]]) -> None:
    """A reader with damaged memory harms its own file, not those that are read after it."""
    damaged = bytearray(written(FRAME.head(9)))
    begin = damaged.index(b"}") + 1
    for share, value in damage:
        damaged[begin + int(share * (len(damaged) - begin))] = value
    with contextlib.suppress(ValueError, OSError, struct.error, pyarrow.ArrowException):
        assert len(collected(lambda out: out.write(damaged))[2]) <= 1


def test_what_is_too_large_ends_the_reading() -> None:
    assert collected(sent)[0]
    assert collected(sent, most=100_000)[::2] == (False, [])


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_message_that_breaks_off_is_not_whole(share: float) -> None:
    whole = written()
    done, collector, taken = collected(lambda out: out.write(whole[: int(len(whole) * share)]))
    assert (done, collector.whole, taken) == (True, False, [])


@pytest.mark.parametrize(
    "lie",
    [
        b"\xff" * 16,
        ((1 << 40) + 255).to_bytes(8, "big"),
        b"\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
@pytest.mark.parametrize("at", ["head", "table"])
def test_a_length_beyond_all_bounds_is_not_believed(lie: bytes, at: str) -> None:
    head = json.dumps({"tables": [1]}).encode()
    before = len(head).to_bytes(8, "big") + head if at == "table" else b""
    done, _, taken = collected(lambda out: out.write(before + lie + b"\0" * 64))
    assert (done, taken) == (False, [])


@pytest.mark.parametrize("tables", [[], [1] * 4])
def test_a_message_has_some_tables_and_not_many(tables: list[int]) -> None:
    head = json.dumps({"tables": tables}).encode()
    done, _, taken = collected(lambda out: out.write(len(head).to_bytes(8, "big") + head))
    assert (done, taken) == (False, [])
