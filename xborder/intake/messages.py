"""A reader's messages, taken from its pipe one by one as they come.

A message: 8 bytes of length, a JSON object of that length, and the tables, each in as many pieces
as the object tells. A piece is a stream of Arrow's own messages. Nothing is believed that would
take more room or time than allowed.
"""

import io
import json
import os
import selectors
import struct
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the child imports this package, and must start fast
    import polars as pl

PIECE = 1024 * 1024
MOST_TABLES = 3
END = struct.pack("<iI", -1, 0)
"""What ends a stream of Arrow's messages."""


class TooLargeError(ValueError):
    """A message is larger than allowed."""


class Collector:
    """Reads both pipes of a reader until they close, and hands each message on.

    ``left`` tells the seconds that remain; the time that ``take`` needs is not the reader's.
    ``errors`` holds the end of what the reader printed, ``whole`` whether the last message
    was complete.
    """

    def __init__(
        self,
        answer: int,
        errors: int,
        most_bytes: int,
        seconds: float,
        take: "Callable[[dict[str, Any], list[pl.DataFrame]], None]",
    ) -> None:
        """Messages of at most ``most_bytes``, all of them within so many seconds."""
        self._answer, self._errors = answer, errors
        self._most, self._room, self._take = most_bytes, 0, take
        self._deadline = time.monotonic() + seconds
        self.errors = b""
        self.whole = True
        self._parts = self._messages()
        self._part, self._filled = next(self._parts), 0

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return self._deadline - time.monotonic()

    def run(self) -> bool:
        """Collect until both pipes close; False beyond the time or the size allowed."""
        with selectors.DefaultSelector() as selector:
            for descriptor in (self._answer, self._errors):
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                if self.left <= 0:
                    return False
                for key, _ in selector.select(self.left):
                    try:
                        open_still = self._fill() if key.fd == self._answer else self._complain()
                    except TooLargeError:
                        return False
                    if not open_still:
                        selector.unregister(key.fd)
        return True

    def _complain(self) -> bool:
        piece = os.read(self._errors, PIECE)
        self.errors = (self.errors + piece)[-4096:]
        return bool(piece)

    def _fill(self) -> bool:
        """Read on into the present part; False at the end of the pipe."""
        count = os.readv(self._answer, [self._part[self._filled : self._filled + PIECE]])
        self._filled += count
        self.whole = self.whole and not count
        while self._filled == len(self._part):
            self._part, self._filled = next(self._parts), 0
        return count > 0

    def _messages(self) -> Generator[memoryview, None, None]:
        """Asks for the parts of one message after the other: each is to be filled."""
        while True:
            self._room = self._most
            size = yield from self._some(8)
            head = json.loads((yield from self._some(int.from_bytes(size, "big"))))
            told = head.pop("tables")
            if not 0 < len(told) <= MOST_TABLES:
                raise TooLargeError
            tables = []
            for pieces in told:
                tables.append((yield from self._table(pieces)))
            begun = time.monotonic()
            self._take(head, tables)
            self._deadline += time.monotonic() - begun
            self.whole = True

    def _some(self, size: int) -> Generator[memoryview, None, bytes]:
        part = memoryview(bytearray(self._allowed(size)))
        yield part
        return bytes(part)

    def _table(self, pieces: int) -> "Generator[memoryview, None, pl.DataFrame]":
        """A table of some pieces. A batch of rows stays where it was read: nothing is copied."""
        import polars as pl

        if pieces == 1 and "pyarrow" not in sys.modules:
            # To load pyarrow for a file's few rows would cost more than to read them. A damaged
            # piece ends the process here: a command of its own, not one that reads many files.
            one = b"".join((yield from self._piece(bytearray)))
            return pl.read_ipc_stream(io.BytesIO(one + END))
        import pyarrow as pa

        schema: Any = None
        batches: list[Any] = []
        for _ in range(pieces):
            schema, *parts = yield from self._piece(pa.allocate_buffer)
            schema = pa.ipc.read_schema(schema)
            batches += (pa.ipc.read_record_batch(part, schema) for part in parts)
        table = pa.Table.from_batches(batches, schema)
        # Texts that are no UTF-8, as a reader with damaged memory may hand over, break Polars.
        table.validate(full=True)
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _piece(self, allocate: Callable[[int], Any]) -> Generator[memoryview, None, list[Any]]:
        """Arrow's messages, a schema and batches, each after its length, until one has none."""
        parts: list[Any] = []
        while size := int.from_bytes((yield from self._some(8))[4:], "little"):
            about = yield from self._some(size)
            lead = struct.pack("<iI", -1, size) + about
            whole = allocate(len(lead) + self._allowed(_body(about)))
            part = memoryview(whole).cast("B")
            part[: len(lead)] = lead
            yield part[len(lead) :]
            parts.append(whole)
        return parts

    def _allowed(self, size: int) -> int:
        """So many bytes, if that is within what a message may have."""
        self._room -= size
        if size < 0 or self._room < 0:
            raise TooLargeError
        return size


def _body(about: bytes) -> int:
    """How many bytes follow the head of one of Arrow's messages: a field of its flat buffer."""
    (table,) = struct.unpack_from("<I", about)
    (fields,) = struct.unpack_from("<i", about, table)
    size, _, place = struct.unpack_from("<HH6xH", about, table - fields)
    return int(struct.unpack_from("<q", about, table + place)[0]) if size > 10 and place else 0
