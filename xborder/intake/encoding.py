"""Which encoding a delimited file is in (编码): a ladder of proofs, never a guess.

Byte order mark, strict UTF-8, then GB18030, cp1252, cp932, cp1251 and Big5, ranked by what the
decoded text looks like as writing, with the encodings that a channel is known for as the prior.
Where two are alike plausible the file is asked about; where none is, it is refused with the
first byte that fits nothing. Detectors were measured on small order files and are wrong too
often to be asked.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse

import polars as pl

from xborder.intake import writing
from xborder.intake.limits import refuse

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CANDIDATES: dict[str, Callable[[str], Iterable[float]]] = {
    "gb18030": writing.simplified,
    "cp1252": writing.latin,
    "cp932": writing.japanese,
    "cp1251": writing.cyrillic,
    "cp950": writing.traditional,
}
SEPARATORS = re.compile(rb'[\r\n\t,;"\x00]+')
"""None of them can be the second byte of a double-byte character."""
MOST_EVIDENCE = 64 * 1024
MOST_LOOKED_AT = 2 * 1024 * 1024
"""Bytes searched for cells that are evidence; once more so many when UTF-8 has failed."""
PLAUSIBLE = 0.6
AHEAD = 0.15
PRIOR_WITHIN = 0.3
READ_AS_GBK = 0.85
SURELY_UTF8 = 0.65
BLOCK = 1024 * 1024


@dataclass
class Evidence:
    """What a file's bytes have shown so far; feed it block by block, then ask ``name``.

    Raises Refused with NUL_BYTES from ``feed``, with ENCODING_UNKNOWN or ENCODING_AMBIGUOUS
    from ``name``.
    """

    marked: str = ""
    marks: int = 0
    _offset: int = 0
    _failed: int | None = None
    _failed_bytes: bytes = b""
    _decoder: codecs.IncrementalDecoder | None = None
    _segments: dict[bytes, None] = field(default_factory=dict)
    _size: int = 0
    _looked: int = 0
    _rest: bytes = b""
    _start: bytes = b""

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the file in."""
        if self._decoder is None:
            self._start += block
            if len(self._start) < 4:
                return
            block = self._start
            self._begin(block)
        if self.marked.startswith("utf-16"):
            self._check(block)
            return
        at = block.find(b"\0")
        if at >= 0:
            refuse("NUL_BYTES", offset=self._offset + at)
        if self._failed is None:
            self._check(block)
        if self._size < MOST_EVIDENCE and self._looked < MOST_LOOKED_AT and not self.marked:
            self._gather(block)
        self._offset += len(block)

    def _begin(self, block: bytes) -> None:
        for mark, name in MARKS:
            if block.startswith(mark):
                if not name:
                    refuse("ENCODING_UNKNOWN", offset=0, value="UTF-32")
                self.marked, self.marks = name, len(mark)
                break
        self._decoder = codecs.getincrementaldecoder(self.marked or "utf-8")("strict")

    def _check(self, block: bytes, final: bool = False) -> None:
        """Strict decoding of what the mark says, or of UTF-8; remembers where it failed."""
        assert self._decoder is not None
        if not final and not self.marked.startswith("utf-16") and self._passes(block):
            return
        waiting = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            self._failed = self._offset - waiting + error.start
            self._looked = 0
            self._failed_bytes = bytes(error.object[error.start : error.start + 4])

    def _passes(self, block: bytes) -> bool:
        """Whether a block goes on as good UTF-8; its middle is looked at without being decoded."""
        assert self._decoder is not None
        state = self._decoder.getstate()
        begin, end = 0, len(block)
        while begin < min(4, end) and block[begin] & 0xC0 == 0x80:
            begin += 1
        while end > begin and len(block) - end < 4 and block[end - 1] & 0xC0 == 0x80:
            end -= 1
        end = max(begin, end - 1)
        try:
            self._decoder.decode(block[:begin])
            if self._decoder.getstate()[0] and begin < len(block):
                raise UnicodeError
            pl.Series([block[begin:end]], dtype=pl.Binary).cast(pl.String)
            self._decoder.decode(block[end:])
        except (UnicodeError, pl.exceptions.ComputeError):
            self._decoder.setstate(state)
            return False
        return True

    def _gather(self, block: bytes) -> None:
        """Keep cells with bytes beyond ASCII; one that the block's end cuts waits for the next."""
        whole = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        if not whole:
            self._rest = (self._rest + block)[:MOST_EVIDENCE]
            return
        done, self._rest = self._rest + block[:whole], block[whole:][:MOST_EVIDENCE]
        if not done.isascii():
            self._keep(done)

    def _keep(self, block: bytes) -> None:
        self._looked += len(block)
        for cell in filterfalse(bytes.isascii, SEPARATORS.split(block)):
            if self._size >= MOST_EVIDENCE:
                return
            if cell not in self._segments:
                self._segments[cell] = None
                self._size += len(cell)

    def name(self, prior: Sequence[str] = (), whole: bool = True) -> str:
        """The encoding that the bytes so far prove; ``whole`` False: more bytes may follow.

        ``prior``: encodings that the channel is known for, the likeliest first.
        """
        if self._decoder is None:
            self._begin(self._start)
            block, self._start = self._start, b""
            self.feed(block)
        if whole and self._failed is None:
            self._check(b"", final=True)
        if self.marked:
            if self._failed is not None:
                refuse("ENCODING_UNKNOWN", offset=self._failed, value=self.marked)
            return self.marked
        if whole and self._rest:
            self._keep(self._rest)
        segments = list(self._segments)
        if self._failed is None:
            return _utf8_or_gbk(segments, prior) if segments else "utf-8"
        return self._ranked(segments, prior)

    def _ranked(self, segments: list[bytes], prior: Sequence[str]) -> str:
        scores = []
        for name, weigh in CANDIDATES.items():
            texts = _decoded(segments, name)
            if texts is not None:
                scores.append((writing.score(weigh, texts), name, texts))
        scores.sort(reverse=True)
        best = [one for one in scores if one[0] >= PLAUSIBLE]
        if not best:
            value = self._failed_bytes.hex(" ")
            refuse("ENCODING_UNKNOWN", offset=self._failed, value=value)
        near = [one for one in scores if one[0] > best[0][0] - PRIOR_WITHIN and one[0] > 0.5]
        for wanted in prior:
            if any(name == wanted for _, name, _ in near):
                return wanted
        if len(scores) > 1 and scores[1][0] > scores[0][0] - AHEAD:
            _ask(*((name, texts) for _, name, texts in scores[:2]))
        return best[0][1]


def _utf8_or_gbk(segments: list[bytes], prior: Sequence[str]) -> str:
    """Bytes that are valid UTF-8 and read as good Chinese in GBK are asked about."""
    texts = _decoded(segments, "utf-8") or []
    chinese = _decoded(segments, "gb18030")
    if chinese is None or prior[:1] == ("utf-8",):
        return "utf-8"
    if writing.score(writing.simplified, chinese) < READ_AS_GBK:
        return "utf-8"
    if writing.score(writing.any_script, texts) >= SURELY_UTF8:
        return "utf-8"
    _ask(("utf-8", texts), ("gb18030", chinese))
    return "utf-8"


def _ask(*ways: tuple[str, list[str]]) -> None:
    """Refuse with the first cell in which the readings differ, in each reading."""
    (first, texts), (second, others) = ways
    pairs = ((one, two) for one, two in zip(texts, others, strict=True) if one != two)
    one, two = next(pairs, ("", ""))
    shown = f"{first}: {one.strip()[:30]} / {second}: {two.strip()[:30]}"
    refuse("ENCODING_AMBIGUOUS", value=shown)


def _decoded(segments: list[bytes], name: str) -> list[str] | None:
    """The cells in an encoding, or None when one of them cannot be in it."""
    try:
        return [segment.decode(name) for segment in segments]
    except UnicodeDecodeError:
        return None


def decode(data: bytes, prior: Sequence[str] = ()) -> tuple[str, str]:
    """Text and name of the encoding.

    Raises Refused with ENCODING_UNKNOWN (offset of the first byte that does not fit),
    ENCODING_AMBIGUOUS (two readings) or NUL_BYTES.
    """
    evidence = Evidence()
    for start in range(0, len(data), BLOCK):
        evidence.feed(data[start : start + BLOCK])
    name = evidence.name(prior)
    try:
        text = data[evidence.marks :].decode(name)
    except UnicodeDecodeError as error:
        value = data[evidence.marks + error.start :][:4].hex(" ")
        refuse("ENCODING_UNKNOWN", offset=error.start + evidence.marks, value=value)
    if "\0" in text:
        refuse("NUL_BYTES", offset=text.index("\0"))
    return text, name


def decoded_start(data: bytes, name: str) -> bytes:
    """The byte order marks (one, or several that tools have piled up) before the text."""
    if name.startswith("cp"):
        return b""
    mark = "\ufeff".encode(name)
    length = 0
    while data.startswith(mark, length):
        length += len(mark)
    return data[:length]
