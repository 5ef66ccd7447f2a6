"""A text file as a stream of UTF-8, whatever its encoding and size (文本流).

The encoding is proved over the whole file first, in one pass that holds nothing; then the text
is taken in windows. Positions count bytes of the UTF-8 text.
"""

import codecs
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from xborder.intake import encoding
from xborder.intake.limits import Limits, refuse

READ = 512 * 1024
TAIL = 64 * 1024
LONGEST_LINE = 128 * READ
"""A physical line beyond this is more than 512 columns of the longest field can fill."""


class Stream:
    """The text from its first character on, without byte order marks.

    ``position`` tells how much was taken. Raises Refused with ENCODING_UNKNOWN, NUL_BYTES or
    TOO_MANY_COLUMNS (a line without end).
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Stand at the beginning of the text of ``file``, which is in the encoding ``name``."""
        self._file, self._name = file, name
        self._size = file.seek(0, 2)
        file.seek(0)
        marked = name.startswith(("utf", "gb"))
        self._marks = len(encoding.decoded_start(file.read(READ), name)) if marked else 0
        self.rewind()

    def rewind(self) -> None:
        """Stand at the beginning again."""
        self._file.seek(self._marks)
        plain = self._name == "utf-8"
        self._decoder = None if plain else codecs.getincrementaldecoder(self._name)("strict")
        self._held, self._at, self._before = b"", 0, 0
        self.ended = self._read_all = False

    @property
    def position(self) -> int:
        """Bytes of UTF-8 taken since the beginning."""
        return self._before + self._at

    @property
    def finished(self) -> bool:
        """Whether nothing follows."""
        return not self.window(1)

    def window(self, size: int) -> bytes:
        """What follows, ``size`` bytes or all there is; nothing is taken by looking.

        ``ended`` then tells whether nothing follows the window.
        """
        if self._decoder is None:
            # What would be held had to be put together with what is read: that costs more.
            at = self._file.seek(self._marks + self.position)
            window = self._file.read(size)
            self.ended = at + len(window) >= self._size
            return window
        while len(self._held) - self._at < size and not self._read_all:
            short = size - (len(self._held) - self._at)
            raw = self._file.read(max(short, READ))
            self._read_all = not raw
            piece = self._decoder.decode(raw, not raw).encode()
            self._held = self._held[self._at :] + piece if self._at < len(self._held) else piece
            self._before, self._at = self._before + self._at, 0
        self.ended = self._read_all and len(self._held) - self._at <= size
        return self._held[self._at : self._at + size]

    def whole_lines(self, size: int) -> bytes:
        """Of a window those lines whose end lies in it; all of it where nothing follows."""
        end = self.position + size
        if self._decoder is None and size > TAIL and self._marks + end < self._size:
            # Where the last line ends is soon seen, and what is not read need not be cut off.
            self._file.seek(self._marks + end - TAIL)
            size -= TAIL - 1 - self._file.read(TAIL).rfind(b"\n")
        window = self.window(size)
        return window if self.ended else window[: window.rfind(b"\n") + 1]

    def take(self, size: int) -> None:
        """Go on by so many bytes of the window."""
        self._at += size

    def skip(self, size: int) -> None:
        """Go on by so many bytes that were seen before, without reading where that is possible."""
        while size > 0:
            plain = self._decoder is None
            step = size if plain else min(size, len(self.window(min(size, READ))))
            self.take(step)
            size -= step

    def lines(self) -> Iterator[str]:
        """Physical lines with their ends (LF, CR or CRLF), each taken as it is given out."""
        size = READ
        while window := self.window(size):
            lines = window.splitlines(keepends=True)
            if not self.ended and not lines[-1].endswith(b"\n"):
                lines.pop()
            if not lines and self.ended:
                return
            if not lines and size > LONGEST_LINE:
                refuse("TOO_MANY_COLUMNS", value="?", expected=str(Limits().columns))
            size = READ if lines else 2 * size
            for line in lines:
                self.take(len(line))
                yield line.decode()


def proved(file: BinaryIO, prior: Sequence[str]) -> str:
    """The name of the encoding of a text file, every byte of it looked at.

    ``prior``: encodings that the file is likely to be in.
    Raises Refused with ENCODING_UNKNOWN, ENCODING_AMBIGUOUS or NUL_BYTES.
    """
    evidence = encoding.Evidence()
    file.seek(0)
    while block := file.read(READ):
        evidence.feed(block)
    name = evidence.name(prior)
    if name != "utf-8":
        _decodes(file, name, evidence.marks)
    return name


def _decodes(file: BinaryIO, name: str, marks: int) -> None:
    """Refuse where the bytes do not decode, or yield NUL."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    file.seek(marks)
    at, characters, more = marks, 0, True
    while more:
        raw = file.read(READ)
        more = bool(raw)
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            value = bytes(error.object[error.start : error.start + 4]).hex(" ")
            refuse("ENCODING_UNKNOWN", offset=at - waiting + error.start, value=value)
        if "\0" in text:
            refuse("NUL_BYTES", offset=characters + text.index("\0"))
        at += len(raw)
        characters += len(text)
