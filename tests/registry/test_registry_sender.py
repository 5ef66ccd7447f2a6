"""One sender at a time: of a home, and of a registry that several hosts share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xborder.manifests import sending
from xborder.registry.home import Home, create, open_home

SENDER = """
import sys
from pathlib import Path
from xborder.manifests import sending
from xborder.registry.home import open_home
with sending.alone(open_home(Path(sys.argv[1]), registry_url=sys.argv[2])):
    print("sending", flush=True)
    sys.stdin.read()
"""


def other_sender(home: Home, url: str) -> subprocess.Popen[str]:
    place = str(home.settings.home)
    child = subprocess.Popen(
        [sys.executable, "-c", SENDER, place, url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "sending\n"
    return child


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_do_not_send_at_once(tmp_path: Path, url: str, killed: bool) -> None:
    """On PostgreSQL the other one may be another host: it has a home of its own."""
    shared = url.startswith("sqlite")
    homes = []
    for name in ("here", "here" if shared else "there"):
        create(tmp_path / name)
        homes.append(open_home(tmp_path / name, registry_url=url))
    here, there = homes
    child = other_sender(there, url)
    with pytest.raises(sending.SendingBusyError), sending.alone(here):
        raise AssertionError("two send")
    if killed:
        child.kill()
        child.wait(30)
    else:
        child.communicate("", timeout=30)
    with sending.alone(here):
        pass
    # And it is given back.
    with sending.alone(there):
        pass
    for one in homes:
        one.engine.dispose()
