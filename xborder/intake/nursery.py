"""Readers' processes, started quickly: one warm interpreter that forks one reader a file.

Starting an interpreter with its libraries costs more than reading a small file. The nursery
is such an interpreter that never reads anything itself; for each file it forks a process,
which binds itself by limits and reads that one file. A file that kills its reader kills
nothing else.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from xborder.intake import interpreter
from xborder.intake.child import TWIN
from xborder.intake.limits import MIB, Limits
from xborder.intake.messages import Collector

if TYPE_CHECKING:
    import polars as pl

SHOW_ERRORS = "XBORDER_READER_ERRORS"
"""Set, the traceback of a reader that failed is printed; it may quote cells of the file."""


class Nursery:
    """A warm interpreter; use it in one thread at a time, as a context manager."""

    def __init__(self, *, forked: bool = False, beside: "Nursery | None" = None) -> None:
        """Start the interpreter; it is ready when the first order comes.

        ``forked``: as a fork of this process where that is sound (see ``interpreter``).
        ``beside``: as a fork of that one's interpreter, which reads nothing now and ends later.
        """
        self._line: socket.socket
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            if beside is None:
                self._process: interpreter.Process = interpreter.start(theirs, forked=forked)
            else:
                socket.send_fds(beside._line, [TWIN], [theirs.fileno()])
                self._process = interpreter.Twin()

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

    def read(
        self,
        order: dict[str, Any],
        source: int,
        limits: Limits,
        take: "Callable[[dict[str, Any], list[pl.DataFrame]], None]",
    ) -> str | None:
        """Have a reader carry out an order; ``take`` gets each message, JSON and tables.

        ``source`` is the file's descriptor. Returns the code of the finding that the reader's
        death amounts to, or None. Raises RuntimeError when the nursery itself is gone; what
        ``take`` raises goes through, after the reader has been ended.
        """
        size = os.fstat(source).st_size / MIB
        wall = limits.wall_seconds + size * limits.wall_per_mib
        order = order | {"cpu_seconds": limits.cpu_seconds + int(size * limits.cpu_per_mib)}
        with _pipe() as (answer, answering), _pipe() as (errors, erring):
            message = json.dumps(order, ensure_ascii=False).encode()
            try:
                socket.send_fds(self._line, [message], [source, answering.fd, erring.fd])
                answering.close()
                erring.close()
                reader = int(self._line.recv(32) or b"0")
            except OSError as error:
                raise RuntimeError("the readers' nursery has ended") from error
            if not reader:
                raise RuntimeError("the readers' nursery has ended")
            collector = Collector(answer.fd, errors.fd, limits.output_bytes, wall, take)
            done = False
            try:
                done = collector.run()
            finally:
                status = self._end(reader, collector.left if done else 0.0)
        if not done or status is None:
            return "FILE_TOO_HEAVY"
        code = _judged(status, collector.errors)
        if code is None and not collector.whole:
            raise RuntimeError("a reader has ended within a message")
        return code

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
    with contextlib.suppress(OSError):
        # A wider pipe spares both sides most of their turns.
        fcntl.fcntl(ends[1].fd, fcntl.F_SETPIPE_SZ, MIB)
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


def _judged(status: int, errors: bytes) -> str | None:
    if status == 0:
        return None
    if status in (3, -signal.SIGXCPU) or b"MemoryError" in errors or b"memory allocation" in errors:
        return "FILE_TOO_HEAVY"
    if status < 0:
        return "FILE_TOO_HEAVY" if status == -signal.SIGKILL else "PARSER_DIED"
    # A traceback may quote cells, so it is shown only to who asks for it by this variable.
    if os.environ.get(SHOW_ERRORS):
        sys.stderr.write(errors.decode("utf-8", "replace"))
    return "PARSER_DIED"
