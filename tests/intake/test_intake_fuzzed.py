"""Random bytes and random damage through every reader: a reading that is whole, or one refusal."""

import fuzzed
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
WORDS = st.sampled_from(
    [b'"', b",", b"\r", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xd6\xd0", b"{", b"}", b"[", b"]",
     b"<c", b"</c>", b"<row", b'r="1"', b"<v>", b"]]>", b"&amp;", b"&#0;", b"<!--", b"PK\x05\x06",
     b"\\ud800", b"1e999", b"\xff\xff\xff\xff", b"\x80\0\0\0", b":", b"null", b"_xDC00_"]
)  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(WORDS, st.binary(max_size=6))),
    min_size=1, max_size=8,
)  # fmt: skip


def changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Some bytes cut out at some places, and others put there."""
    for place, cut, put in changes:
        at = int(place * len(data))
        data = data[:at] + put + data[at + cut :]
    return data


@pytest.mark.parametrize("target", fuzzed.TARGETS)
@SLOWLY
@given(data=st.data())
def test_damaged_files_are_read_whole_or_refused(target, data):
    seed = data.draw(st.sampled_from(fuzzed.seeds(target)))
    fuzzed.read(target, changed(seed, data.draw(CHANGES)))


@pytest.mark.parametrize("target", fuzzed.TARGETS)
@SLOWLY
@given(st.binary(max_size=300))
def test_any_bytes_are_read_whole_or_refused(target, data):
    fuzzed.read(target, data)
