"""``xborder up``: the Dagster webserver and daemon and the page, started and stopped together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xborder.assets.instance import close_open_runs, opened
from xborder.cli import terminal
from xborder.registry.home import Home
from xborder.settings import HOME_VARIABLE

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STOP_SECONDS = 15


def serve(home: Home, page_port: int, dagster_port: int) -> None:
    """Serve until SIGINT or SIGTERM, or until one of the servers ends by itself.

    Refuses any host but loopback: there are no accounts yet, and Dagster's server has none.
    """
    host = home.settings.host
    if host not in LOOPBACK:
        terminal.fail(
            f"{host}: 只允许本机访问 only loopback is served; put a proxy with a login before it"
        )
    for name, port in (("page", page_port), ("Dagster", dagster_port)):
        if _taken(host, port):
            terminal.fail(
                f"{name}: 端口已被占用 port {port} is taken; choose another with --{name.lower()}-port"
            )
    folder = home.settings.home.absolute()
    os.environ[HOME_VARIABLE] = str(folder)
    with opened(home.settings.dagster_home) as instance:
        closed = close_open_runs(instance)
    if closed:
        terminal.out.print(f"已关闭上次中断的运行 closed {closed} runs that a crash left open")
    workspace = folder / "dagster" / "workspace.yaml"
    workspace.write_text(_WORKSPACE, "utf-8")
    commands = {
        "daemon": [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)],
        "page": [
            sys.executable, "-m", "xborder.portal", "--home", str(folder), "--host", host,
            "--port", str(page_port),
        ],
        "webserver": [
            sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(dagster_port),
            "-w", str(workspace),
        ],
    }  # fmt: skip
    with _stopped_by_signals() as stopping, _started(commands, folder / "dagster") as servers:
        terminal.out.print(f"网页 page      http://{host}:{page_port}/")
        terminal.out.print(f"Dagster UI     http://{host}:{dagster_port}/")
        terminal.out.print(
            f"落地区 landing  {terminal.relative(home.settings.landing)}/<exporter>/<shop>/"
        )
        terminal.out.print("Ctrl-C 停止 stops everything")
        while not stopping:
            ended = [name for name, server in servers.items() if server.poll() is not None]
            if ended:
                logs = folder / "dagster" / f"{ended[0]}.log"
                terminal.fail(f"{ended[0]} 意外退出 ended by itself; see {logs}", code=3)
            time.sleep(0.3)


_WORKSPACE = """\
load_from:
  - python_module: xborder.definitions
"""


def _taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


@contextmanager
def _stopped_by_signals() -> Iterator[list[int]]:
    """A list that fills when SIGINT or SIGTERM comes."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: came.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _started(
    commands: dict[str, list[str]], logs: Path
) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """The servers, each in a process group of its own; all are stopped at the end.

    A shell that starts us in the background leaves SIGINT ignored, and Dagster would copy
    that: the children get the default back.
    """
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            with (logs / f"{name}.log").open("ab") as log:
                servers[name] = subprocess.Popen(
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True, preexec_fn=_default_signals,
                )  # fmt: skip
        yield servers
    finally:
        for server in servers.values():
            _signal(server, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for server in servers.values():
            try:
                server.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(server, signal.SIGKILL)


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _signal(server: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)
