"""A process that does several steps of a life at once, each in a child that may be killed.

A line of JSON in (home, [name, time, seconds until its kill or null] of each child), a line out:
the exit status of each and the seconds that it took. Imports once, as ``customs_driver`` does.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import customs_life

from xborder.manifests import receiving

receiving.MOST_FILES = 4  # so that one call commits several times


def _begin(folder: str, name: str, at: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        customs_life.step(Path(folder), name, at)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _raced(folder: str, racers: list[tuple[str, str, float | None]]) -> list[tuple[int, float]]:
    begun = time.monotonic()
    running = {_begin(folder, name, at): n for n, (name, at, _) in enumerate(racers)}
    kills = {child: racers[n][2] for child, n in running.items() if racers[n][2] is not None}
    ended: dict[int, tuple[int, float]] = {}
    while running:
        seconds = time.monotonic() - begun
        for child in [one for one, after in kills.items() if after is not None and after < seconds]:
            del kills[child]
            os.kill(child, signal.SIGKILL)
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            kills.pop(child, None)
            ended[running.pop(child)] = (os.waitstatus_to_exitcode(status), seconds)
        else:
            time.sleep(0.001)
    return [told for _, told in sorted(ended.items())]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_raced(*json.loads(line))), flush=True)
