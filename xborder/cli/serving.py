"""``xborder up``: the Dagster webserver and daemon and the page, started and stopped together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xborder.assets.instance import RUNNING, SERVING, close_open_runs, locked, opened, prepare
from xborder.cli import terminal
from xborder.cli.language import either
from xborder.registry.home import Home
from xborder.settings import HOME_VARIABLE

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STOP_SECONDS = 15

_STOP_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of Linux."""


def refuse_what_cannot_be_served(host: str, page_port: int, dagster_port: int) -> None:
    """Exit 2 for any host but loopback and for a port that is taken.

    There are no accounts yet, and Dagster's server has none.
    """
    if host not in LOOPBACK:
        terminal.fail(
            f"{host}: "
            + either(
                "只允许本机访问", "only loopback is served; put a proxy with a login before it"
            )
        )
    for name, port in (("page", page_port), ("Dagster", dagster_port)):
        if _taken(host, port):
            terminal.fail(
                f"{name}: "
                + either(
                    f"端口 {port} 已被占用，请另选：", f"port {port} is taken; choose another with "
                )
                + f"--{name.lower()}-port"
            )


def serve(home: Home, page_port: int, dagster_port: int) -> None:
    """Serve until SIGINT or SIGTERM, or until one of the servers ends by itself.

    Exits 2 when another command serves the home already.
    """
    with locked(home.settings.dagster_home, SERVING) as alone:
        if not alone:
            terminal.fail(
                either("此工作目录已在运行（xborder up）", "xborder up serves this home already")
            )
        _close_open_runs(home)
        _serve(home, home.settings.host, page_port, dagster_port)


def _close_open_runs(home: Home) -> None:
    with locked(home.settings.dagster_home, RUNNING) as idle:
        if not idle:
            return  # an ``xborder run`` is under way: its runs are no crash's
        with opened(home.settings.dagster_home) as instance:
            closed = close_open_runs(instance)
    if closed:
        terminal.out.print(
            either(
                f"已关闭 {closed} 次上次中断的运行", f"closed {closed} runs that a crash left open"
            )
        )


def _serve(home: Home, host: str, page_port: int, dagster_port: int) -> None:
    folder = home.settings.home.absolute()
    os.environ[HOME_VARIABLE] = str(folder)
    prepare(home.settings.dagster_home)
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
        terminal.out.print(
            f"{either('网页         ', 'page         ')}  http://{host}:{page_port}/"
        )
        terminal.out.print(
            f"{either('Dagster 界面', 'Dagster UI  ')}   http://{host}:{dagster_port}/"
        )
        terminal.out.print(
            either("投递文件夹     ", "landing zone   ")
            + f"{terminal.relative(home.settings.landing)}/"
            + either("<企业>/<店铺>/", "<exporter>/<shop>/")
        )
        terminal.out.print(either("按 Ctrl-C 停止", "Ctrl-C stops everything"))
        while not stopping:
            ended = [name for name, server in servers.items() if server.poll() is not None]
            if ended:
                logs = folder / "dagster" / f"{ended[0]}.log"
                terminal.fail(
                    f"{ended[0]} {either('意外退出，见', 'ended by itself; see')} {logs}", code=3
                )
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
    that: the children get the default back. When we are killed, the kernel stops them.
    """
    ready = _child_of(os.getpid())
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            with (logs / f"{name}.log").open("ab") as log:
                servers[name] = subprocess.Popen(
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True, preexec_fn=ready,
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


def _child_of(parent: int) -> Callable[[], None]:
    """What a server does before it starts. Elsewhere than on Linux a killed parent leaves its
    servers behind, and the next start says that the ports are taken."""
    kernel = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def ready() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if kernel is not None:
            kernel.prctl(_STOP_WITH_PARENT, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return ready


def _signal(server: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)
