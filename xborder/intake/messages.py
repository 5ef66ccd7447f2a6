"""A reader's messages, taken from its pipe one by one as they come.

A message: 8 bytes of length, a JSON object of that length, and the tables whose lengths the
object tells. Nothing is believed that would take more room or time than allowed.
"""

import json
import os
import selectors
import time
from collections.abc import Callable, Generator
from typing import Any

PIECE = 1024 * 1024
MOST_TABLES = 3


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
        take: Callable[[dict[str, Any], list[memoryview]], None],
    ) -> None:
        """Messages of at most ``most_bytes``, all of them within so many seconds."""
        self._answer, self._errors = answer, errors
        self._most, self._take = most_bytes, take
        self._deadline = time.monotonic() + seconds
        self.errors = b""
        self.whole = True
        self._parts = self._messages()
        self._part = memoryview(bytearray(next(self._parts)))
        self._filled = 0

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
            size = self._parts.send(self._part)
            self._part, self._filled = memoryview(bytearray(size)), 0
        return count > 0

    def _messages(self) -> Generator[int, memoryview, None]:
        """Asks for the parts of one message after the other, by their sizes."""
        while True:
            size = int.from_bytes((yield 8), "big")
            head = json.loads(bytes((yield self._allowed([size]))))
            lengths = head.pop("lengths")
            self._allowed(lengths)
            tables = []
            for length in lengths:
                tables.append((yield length))
            begun = time.monotonic()
            self._take(head, tables)
            self._deadline += time.monotonic() - begun
            self.whole = True

    def _allowed(self, lengths: list[int]) -> int:
        if not 0 < len(lengths) <= MOST_TABLES or min(lengths) < 1 or sum(lengths) > self._most:
            raise TooLargeError
        return lengths[0]
