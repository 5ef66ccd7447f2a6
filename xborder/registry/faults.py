"""Faults of ours (故障): one file or one exporter that cannot be worked on does not stop the rest.

What concerns them all, a full disk or a registry that is away, stops the run as it did.
"""

import logging
import os
import sys
import traceback

import polars as pl
from sqlalchemy.exc import DBAPIError

from xborder.intake.nursery import SHOW_ERRORS
from xborder.registry.originals import KeyFileError

READING_FAILED, CHECK_FAILED = "READING_FAILED", "CHECK_FAILED"
"""What a waiting upload carries as its code until a later run succeeds."""

ANY = (Exception, pl.exceptions.PanicException)
"""What is caught around one file or one check; polars panics outside ``Exception``."""

_LOG = logging.getLogger("xborder")


def of_all(fault: BaseException) -> bool:
    """Whether a fault is of the machine and its set-up, and not of the one thing worked on."""
    return isinstance(fault, OSError | DBAPIError | MemoryError | KeyFileError)


def tell(code: str, what: str, fault: BaseException) -> None:
    """Log a fault: what it hit, its kind, and where in the program it arose.

    Its message is left out, since it may quote cells of a file; who sets
    ``XBORDER_READER_ERRORS`` sees all of it on the standard error.
    """
    stack = traceback.extract_tb(fault.__traceback__)
    places = [f"{one.filename}:{one.lineno} {one.name}" for one in stack]
    _LOG.error("%s %s: %s\n  %s", code, what, type(fault).__name__, "\n  ".join(places))
    if os.environ.get(SHOW_ERRORS):
        traceback.print_exception(fault, file=sys.stderr)
