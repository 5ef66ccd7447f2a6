"""What a filter knows of a statement about rows: where it may fail, and where it may hold.

Each of the two covers the truth and perhaps more. That is what lets ``not`` and ``if`` be
filtered soundly: under a ``not`` the two change places, so an answer that is merely safe in one
direction is never read in the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import polars as pl

Truth = pl.Expr | bool
"""A Boolean column without nulls, or the same for all rows."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """``fails`` is true wherever the statement fails, ``holds`` wherever it holds."""

    fails: Truth
    holds: Truth


def exact(fails: Truth) -> Bounds:
    """A statement whose failing is known exactly."""
    return Bounds(fails, negated(fails))


ALWAYS = Bounds(False, True)
NEVER = Bounds(True, False)
UNKNOWN = Bounds(True, True)
"""A statement about which the filter says nothing."""


def negated(one: Truth) -> Truth:
    """Not."""
    return not one if isinstance(one, bool) else ~one


def any_of(these: Iterable[Truth]) -> Truth:
    """Or."""
    found = [one for one in these if one is not False]
    if any(one is True for one in found):
        return True
    return reduce(or_, found) if found else False


def all_of(these: Iterable[Truth]) -> Truth:
    """And."""
    found = [one for one in these if one is not True]
    if any(one is False for one in found):
        return False
    return reduce(and_, found) if found else True


def every(these: Iterable[Bounds]) -> Bounds:
    """All statements hold."""
    known = list(these)
    return Bounds(any_of(one.fails for one in known), all_of(one.holds for one in known))


def unless(one: Bounds) -> Bounds:
    """The statement does not hold."""
    return Bounds(one.holds, one.fails)


def conditional(given: Bounds, then: Bounds, otherwise: Bounds) -> Bounds:
    """``then`` where ``given`` holds, ``otherwise`` where it fails."""
    return Bounds(
        any_of((all_of((given.holds, then.fails)), all_of((given.fails, otherwise.fails)))),
        any_of((all_of((given.holds, then.holds)), all_of((given.fails, otherwise.holds)))),
    )
