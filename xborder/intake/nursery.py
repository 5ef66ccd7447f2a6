"""Readers' processes, started quickly: one warm interpreter that forks one reader a file.

Starting an interpreter with its libraries costs more than reading a small file. The nursery
is such an interpreter that never reads anything itself; for each file it forks a process,
which binds itself by limits and reads that one file. A file that kills its reader kills
nothing else.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from xborder.intake import interpreter
from xborder.intake.limits import Limits

SHOW_ERRORS = "XBORDER_READER_ERRORS"
"""Set, the traceback of a reader that failed is printed; it may quote cells of the file."""

BLOCK = 1024 * 1024
MESSAGE = 64 * 1024


class Nursery:
    """A warm interpreter; use it in one thread at a time, as a context manager."""

    def __init__(self, *, forked: bool = False) -> None:
        """Start the interpreter; it is ready when the first order comes.

        ``forked``: as a fork of this process where that is sound (see ``interpreter``).
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = interpreter.start(theirs, forked=forked)
        self._line = ours

    def __enter__(self) -> Self:
        """The nursery itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the interpreter; a reader that still runs is killed by it."""
        self._line.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def read(self, order: dict[str, Any], source: int, limits: Limits) -> tuple[bytes, str | None]:
        """A reader's answer to an order, or the code of the finding that its death amounts to.

        ``source`` is the file's descriptor. Raises RuntimeError when the nursery itself is gone.
        """
        with _pipe() as (answer, answering), _pipe() as (errors, erring):
            message = json.dumps(order).encode()
            try:
                socket.send_fds(self._line, [message], [source, answering.fd, erring.fd])
                answering.close()
                erring.close()
                reader = int(self._line.recv(32) or b"0")
            except OSError as error:
                raise RuntimeError("the readers' nursery has ended") from error
            if not reader:
                raise RuntimeError("the readers' nursery has ended")
            deadline = time.monotonic() + limits.wall_seconds
            parts = _collect(answer.fd, errors.fd, limits, deadline)
            status = self._end(reader, 0.0 if parts is None else deadline - time.monotonic())
        if parts is None or status is None:
            return b"", "FILE_TOO_HEAVY"
        return _judged(status, *parts)

    def _end(self, reader: int, patience: float) -> int | None:
        """The exit status of a reader; None when it had to be killed.

        The nursery reaps it only now, so its number cannot have become another process's.
        """
        killed = patience <= 0
        if killed:
            _kill(reader)
        self._line.send(b"reap")
        self._line.settimeout(max(patience, 5.0))
        try:
            status = int(self._line.recv(32) or b"-9")
        except TimeoutError:
            killed = True
            _kill(reader)
            self._line.settimeout(None)
            status = int(self._line.recv(32) or b"-9")
        finally:
            self._line.settimeout(None)
            _kill_group(reader)
        return None if killed else status


class _End:
    """One end of a pipe, closed once."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@contextlib.contextmanager
def _pipe():  # type: ignore[no-untyped-def]
    ends = [_End(fd) for fd in os.pipe()]
    try:
        yield ends
    finally:
        for end in ends:
            end.close()


def _kill(reader: int) -> None:
    _kill_group(reader)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(reader, signal.SIGKILL)


def _kill_group(reader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(reader, signal.SIGKILL)


def _collect(
    answer: int, errors: int, limits: Limits, deadline: float
) -> tuple[bytes, bytes] | None:
    """Both pipes until they close; None beyond the time or the size allowed."""
    held: dict[int, list[bytes]] = {answer: [], errors: []}
    size = 0
    with selectors.DefaultSelector() as selector:
        for descriptor in held:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for key, _ in selector.select(left):
                block = os.read(key.fd, BLOCK)
                if not block:
                    selector.unregister(key.fd)
                    continue
                size += len(block)
                if size > limits.output_bytes:
                    return None
                held[key.fd].append(block)
    return b"".join(held[answer]), b"".join(held[errors])[-4096:]


def _judged(status: int, answer: bytes, errors: bytes) -> tuple[bytes, str | None]:
    if status == 0:
        return answer, None
    if status in (3, -signal.SIGXCPU) or b"MemoryError" in errors or b"memory allocation" in errors:
        return b"", "FILE_TOO_HEAVY"
    if status < 0:
        return b"", "FILE_TOO_HEAVY" if status == -signal.SIGKILL else "PARSER_DIED"
    # A traceback may quote cells, so it is shown only to who asks for it by this variable.
    if os.environ.get(SHOW_ERRORS):
        sys.stderr.write(errors.decode("utf-8", "replace"))
    return b"", "PARSER_DIED"
