"""A process that does the steps of a life, each in a child that a crash point may kill.

It imports all once and forks for every step, so that hundreds of kills take a minute. A line of
JSON in (home, step, time, crash point or empty), a line out: the exit status of the child, and
the crash points it passed.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from xborder import crashpoints

passed: list[str] = []


def _noted(point: str) -> None:
    passed.append(point)
    _kill(point)


# Before anything else takes the name.
_kill, crashpoints.crash_point = crashpoints.crash_point, _noted

import customs_life  # noqa: E402


def _child(folder: str, name: str, at: str, crash_at: str, told: int) -> None:
    os.environ[crashpoints.CRASH_AT] = crash_at
    try:
        customs_life.step(Path(folder), name, at)
        os.write(told, json.dumps(passed).encode())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        folder, name, at, crash_at = json.loads(line)
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _child(folder, name, at, crash_at, tell)
        os.close(tell)
        with os.fdopen(told, "rb") as source:
            said = source.read()
        _, status = os.waitpid(child, 0)
        print(
            json.dumps([os.waitstatus_to_exitcode(status), json.loads(said or b"[]")]), flush=True
        )


if __name__ == "__main__":
    main()
