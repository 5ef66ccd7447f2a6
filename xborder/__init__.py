"""Cross-border e-commerce declarations: order files in, clearance manifests and stock reports out.

The rooms (packages) import only from rooms to their left:
clock, findings → schemas → intake → checks → registry → manifests, stock → assets, portal, cli.
"""

import atexit
import ctypes
import gc
import os
import sys

__version__ = "0.1.0"

# At the end everything is dropped at once: nothing has to look for garbage in it.
atexit.register(gc.freeze)

WORKERS = 2
"""Blocks of a file are worked on two at a time, each by a thread of Python that calls Polars."""

GARBAGE = 200_000
"""Objects made before Python looks for garbage; a block's rows are many, and none of them is."""

MEMORY = "narenas:1,dirty_decay_ms:3000,muzzy_decay_ms:0"
"""What a block needed is kept some seconds for the next one (jemalloc, which Polars uses): to give
it back and to ask for it anew takes longer than much of the work, but what only one stage needs
shall not be held through the next. One pool, so that what one thread is done with serves the
other."""

MMAP_THRESHOLD, TRIM_THRESHOLD, ARENA_MAX = -3, -1, -8
"""Parameters of glibc's ``mallopt``."""


def prepare_for_blocks() -> None:
    """Set a process up that works on blocks; before Polars is imported, or it has no effect there.

    Polars gets its share of the cores for each of ``WORKERS``: more threads would only take
    turns. A number that the environment gives (``POLARS_MAX_THREADS``) stands.
    """
    if "polars" not in sys.modules:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (cores or 1) // WORKERS)))
        os.environ.setdefault("_RJEM_MALLOC_CONF", MEMORY)
    _keep_memory()
    gc.set_threshold(GARBAGE)


def _keep_memory() -> None:
    """The same for the memory of Python and Arrow, where glibc gives it."""
    glibc = ctypes.CDLL(None)
    if hasattr(glibc, "gnu_get_libc_version"):
        glibc.mallopt(MMAP_THRESHOLD, 32 << 20)
        glibc.mallopt(TRIM_THRESHOLD, 128 << 20)
        glibc.mallopt(ARENA_MAX, 1)
