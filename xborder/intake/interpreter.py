"""The nursery's warm interpreter: a new one, or for a short command a fork of this process.

Either is handed nothing of this process but one socket: no open file, variable, or terminal. A
fork spares the imports, which cost a check of one file more than reading it; it is made only
while no thread runs that would be missing in it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
START = (
    "import sys; root = sys.argv[1]; sys.path[:0] = [] if root in sys.path else [root]; "
    "from xborder.intake.child import nurse; nurse(int(sys.argv[2]))"
)

LINE = 3
"""The first descriptor after the standard ones."""

IDLE = {"jemalloc_bg_thd", "polars-ooc-clea"}
"""Threads that Polars starts when it is imported: they tidy up, and a fork does without them."""


class Process(Protocol):
    """What a nursery needs of its interpreter."""

    def wait(self, timeout: float | None = None) -> object:
        """Until it ends; raises ``subprocess.TimeoutExpired``."""

    def kill(self) -> None:
        """End it at once."""


def start(line: socket.socket, *, forked: bool) -> Process:
    """A warm interpreter that takes its orders from ``line``; ``forked`` where that is sound."""
    if forked and not busy_threads():
        return _Fork(line)
    return subprocess.Popen(
        [sys.executable, "-I", "-c", START, str(ROOT), str(line.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(line.fileno(),),
        start_new_session=True,
        cwd="/",
        env=_environment(),
    )


def busy_threads() -> bool:
    """Whether this process has threads that work, or may; True where that cannot be told."""
    own = Path("/proc/self/task")
    try:
        found = {
            (one / "comm").read_text("utf-8").strip()
            for one in own.iterdir()
            if one.name != str(os.getpid())
        }
    except OSError:
        return True
    return not found <= IDLE


MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(40 << 20),
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0",
}
"""How a reader keeps memory (Python's by glibc, that of Polars by jemalloc): in one place, a
block's text for the next one, and what it needed for a second. To give it back at once and to ask
for it anew costs time; to keep it for good, the limit of memory that a reader of one large sheet
has."""


def _environment() -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "TZDIR", "LD_LIBRARY_PATH")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    # More threads would only reserve address space that the limit counts.
    return found | {"POLARS_MAX_THREADS": "1"} | MEMORY


class Twin:
    """A fork of another warm interpreter, which takes care of its end."""

    def wait(self, timeout: float | None = None) -> None:
        """It ends with its line."""

    def kill(self) -> None:
        """The same."""


class _Fork:
    def __init__(self, line: socket.socket) -> None:
        from xborder.intake import child

        child.warm()  # before, because what reads the answer needs most of it too
        self._pid = os.fork()
        if not self._pid:
            try:
                _become_nurse(line.fileno())
                child.serve(LINE)
            finally:
                os._exit(0)

    def wait(self, timeout: float | None = None) -> None:
        ends = time.monotonic() + (timeout or 0.0)
        while os.waitpid(self._pid, 0 if timeout is None else os.WNOHANG) == (0, 0):
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired("nursery", timeout or 0.0)
            time.sleep(0.001)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)


def _become_nurse(line: int) -> None:
    import polars as pl

    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.dup2(line, LINE)
    os.closerange(LINE + 1, os.sysconf("SC_OPEN_MAX"))
    environment = _environment()
    os.environ.clear()
    os.environ.update(environment)
    pl.Config.restore_defaults()  # has it read these variables
