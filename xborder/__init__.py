"""Cross-border e-commerce declarations: order files in, clearance manifests and stock reports out.

The rooms (packages) import only from rooms to their left:
clock, findings → schemas → intake → checks → registry → manifests, stock → assets, portal, cli.
"""

import gc
import os
import sys

__version__ = "0.1.0"

WORKERS = 2
"""Blocks of a file are worked on two at a time, each by a thread of Python that calls Polars."""

GARBAGE = 50_000
"""Objects made before Python looks for garbage; a block's rows are many, and none of them is."""


def prepare_for_blocks() -> None:
    """Set a process up that works on blocks; before Polars is imported, or it has no effect there.

    Polars gets its share of the cores for each of ``WORKERS``: more threads would only take
    turns. A number that the environment gives (``POLARS_MAX_THREADS``) stands.
    """
    if "polars" not in sys.modules:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (cores or 1) // WORKERS)))
    gc.set_threshold(GARBAGE)
