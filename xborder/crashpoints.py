"""Named points at which a test can kill the process, to prove that a re-run gives the same bytes.

``XBORDER_CRASH_AT=manifest-renamed`` kills the process (SIGKILL: no clean-up, no ``finally``)
the first time it reaches that point, ``manifest-renamed:3`` the third time. Without the
variable a point costs one look into the environment. Only tests set it.
"""

import os
import signal
from collections import Counter

CRASH_AT = "XBORDER_CRASH_AT"

_reached: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Die here if the variable names this point."""
    wanted = os.environ.get(CRASH_AT)
    if not wanted:
        return
    point, _, nth = wanted.partition(":")
    if point == name:
        _reached[name] += 1
        if _reached[name] == int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
