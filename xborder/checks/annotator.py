"""Workbooks annotated in processes with limits, forked from one warm interpreter (批注进程).

openpyxl opens whatever a stranger handed in, so each workbook has a process of its own, which
may die. Starting an interpreter with its libraries costs four times what a small workbook does,
so one is started for many: it reads nothing itself and forks a process for each.
"""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from xborder.intake import Limits

LIMITS = Limits(memory_bytes=1024 * 1024 * 1024, cpu_seconds=12, wall_seconds=120.0)
"""Memory and CPU tell of the workbook. The wall clock tells of the machine too, so that it is
generous: what it ends is not annotated in a lesser way, but not at all (``BusyError``)."""

ROOT = Path(__file__).parents[2]
START = (
    "import sys; root = sys.argv[1]; sys.path[:0] = [] if root in sys.path else [root]; "
    "from xborder.checks.annotated_workbook import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)


class BusyError(RuntimeError):
    """No answer in time: that says nothing of the file, and another time it may be made."""


class Annotator:
    """The warm interpreter, started when the first workbook comes; for one thread at a time."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """The annotator itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the interpreter, and what it forked."""
        self.close()

    def annotate(self, original: bytes, marks: bytes) -> bytes | None:
        """The workbook with these marks (``Marks.to_json``); None if it cannot be made within
        the limits. Raises BusyError."""
        for again in (True, False):
            process = self._process or self._start()
            try:
                return self._asked(process, original, marks)
            except BrokenPipeError:
                # It ended while nobody asked; a new one is asked once.
                self.close()
                if not again:
                    return None
            except EOFError:
                self.close()
                return None
            except TimeoutError as error:
                self.close()
                raise BusyError("no annotated workbook in time") from error
        return None

    def close(self) -> None:
        """End the interpreter; the next workbook starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            os.killpg(process.pid, signal.SIGKILL)
            process.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        kept = ("PATH", "LANG", "LC_ALL", "TZDIR", "LD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        order = [str(ROOT), str(LIMITS.memory_bytes), str(LIMITS.cpu_seconds)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", START, *order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            # More threads would only reserve address space that the limit counts.
            env=environment | {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        )
        return self._process

    def _asked(
        self, process: "subprocess.Popen[bytes]", original: bytes, marks: bytes
    ) -> bytes | None:
        assert process.stdin is not None and process.stdout is not None
        for part in (marks, original):
            process.stdin.write(len(part).to_bytes(8, "big"))
            process.stdin.write(part)
        process.stdin.flush()
        until = time.monotonic() + LIMITS.wall_seconds
        size = int.from_bytes(_exactly(process.stdout.fileno(), 8, until), "big")
        return _exactly(process.stdout.fileno(), size, until) or None


def _exactly(descriptor: int, size: int, until: float) -> bytes:
    """So many bytes. Raises EOFError and TimeoutError."""
    found = bytearray()
    ready = select.poll()  # which, unlike select, takes any descriptor
    ready.register(descriptor, select.POLLIN)
    while len(found) < size:
        left = until - time.monotonic()
        if left <= 0 or not ready.poll(left * 1000):
            raise TimeoutError
        part = os.read(descriptor, min(size - len(found), 1 << 20))
        if not part:
            raise EOFError
        found += part
    return bytes(found)
