"""``xborder up``: a dropped file starts a run without a hand, and one signal stops everything."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from pipeline_homes import EXAMPLES, ROOT, make_home, start

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(what: str, ready: object, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ready():  # type: ignore[operator]
                return
        except requests.RequestException:
            pass
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


def processes_of(home: Path) -> list[str]:
    """Command lines of all processes that name this home."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or folder.name == str(os.getpid()):
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            here = str(home) in line or str(home).encode() in (folder / "environ").read_bytes()
        except (OSError, ProcessLookupError):
            continue
        if here:
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes under /proc")
def test_a_dropped_file_runs_by_itself_and_one_signal_stops_all(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    page, dagster = free_port(), free_port()
    environment = os.environ | {"XBORDER_HOME": str(home), "XBORDER_LANG": "en"}
    environment.pop("DAGSTER_HOME", None)
    words = ["up", "--page-port", str(page), "--dagster-port", str(dagster)]
    with subprocess.Popen(
        [sys.executable, "-m", "xborder", *words], env=environment, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as server:  # fmt: skip
        try:
            wait("the page", lambda: requests.get(f"http://127.0.0.1:{page}/", timeout=2).ok)
            wait(
                "the Dagster UI",
                lambda: requests.get(f"http://127.0.0.1:{dagster}/server_info", timeout=2).ok,
            )
            drop = home / "landing" / "dapu-ciyun" / "shopify-us"
            assert drop.is_dir(), "the shop's landing folder is made at the start"
            source = EXAMPLES / "landing" / "dapu-ciyun" / "shopify-us"
            catalogue = next(source.glob("01_*"))
            shutil.copy(catalogue, drop / catalogue.name)
            wait("the run that takes the file in", lambda: not list(drop.iterdir()))
            uploads = f"http://127.0.0.1:{page}/uploads"
            wait("the receipt", lambda: catalogue.name in requests.get(uploads, timeout=5).text)
            receipt = f"http://127.0.0.1:{page}/uploads/1/state"
            wait(
                "the file to be read",
                lambda: requests.get(receipt, timeout=5).json().get("state") == "checked",
            )
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
    assert server.returncode == 0
    wait("all processes to end", lambda: not processes_of(home), 20)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes under /proc")
def test_a_home_is_served_once_and_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")

    def up() -> "tuple[subprocess.Popen[str], int]":
        page = free_port()
        ports = ["--page-port", str(page), "--dagster-port", str(free_port())]
        return start(home, "up", *ports), page

    first, page = up()
    try:
        wait("the page", lambda: requests.get(f"http://127.0.0.1:{page}/", timeout=2).ok)
        second, _ = up()
        told, _ = second.communicate(timeout=60)
        assert (second.returncode, "serves this home already" in told) == (2, True)
        assert requests.get(f"http://127.0.0.1:{page}/", timeout=2).ok
        first.kill()
        first.wait(10)
        wait("the servers to end", lambda: not processes_of(home), 60)
        first, page = up()
        wait("the page again", lambda: requests.get(f"http://127.0.0.1:{page}/", timeout=2).ok)
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait(30)
    wait("all processes to end", lambda: not processes_of(home), 30)
