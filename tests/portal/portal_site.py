"""A home with something to see, made by the real functions; and ways to talk to its page."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from xborder import clock
from xborder.manifests import cutoff
from xborder.portal.app import create_app
from xborder.portal.limits import Limits
from xborder.portal.server import listen, server
from xborder.registry import checkings, landing, lists, readings
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, create, open_home
from xborder.stock import book, report

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = "2026-11-22T10:00:00+08:00"
DAY = date(2026, 11, 22)
PORT = 8700
SMALL = Limits(body=20_000, header=8_192, header_seconds=0.6, body_seconds=0.9)

SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,"
    "Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,"
    "Shipping Country,Cancelled at\n"
    "#1,b@example.org,paid,2026-11-20 10:00:00 -0800,unfulfilled,USD,10.00,0,0,10.00,"
    "2026-11-20 10:00:00 -0800,1,Cup,10.00,NO-SUCH-SKU,US,\n"
)


def empty_home(folder: Path) -> Home:
    """A home with two exporters' profiles and nothing handed in."""
    create(folder)
    for name in ("dapu-ciyun", "pingyuan-mujia"):
        shutil.copy(EXAMPLES / "exporters" / f"{name}.toml", folder / "exporters")
    return open_home(folder)


def copied(home: Home, folder: Path) -> Home:
    """A home like another, which nobody has open."""
    shutil.copytree(home.settings.home, folder)
    return open_home(folder)


def work(home: Home, *, issue: bool = False) -> None:
    """Take in what has landed, check it, and (``issue``) cut off and write the stock report."""
    landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
    readings.read_uploads(home.engine, home.store, home.settings, home.exporters, home.tables)
    checkings.check_open_orders(
        home.engine, home.store, home.settings, home.exporters, home.tables, DAY
    )
    if issue:
        with transaction(home.engine) as connection:
            lists.claim(connection, DAY)
        cutoff.issue(home.engine, home.store, home.settings, DAY)
        with reading(home.engine) as connection:
            made = book.build(connection, home.store, DAY, {})
        report.write(made, home.store, "reports", DAY.isoformat())


def worked_home(folder: Path) -> Home:
    """A home in which two of the examples' shops were worked through to manifests and report."""
    home = empty_home(folder)
    for name in ("dapu-ciyun/shopify-us", "pingyuan-mujia/overseas-de"):
        shutil.copytree(EXAMPLES / "landing" / name, folder / "landing" / name)
    with clock.fixed(NOW):
        work(home, issue=True)
    return home


def visitor(home: Home, limits: Limits | None = None, lang: str = "en") -> TestClient:
    """A browser without scripts on the page; errors are pages, not exceptions."""
    return TestClient(
        create_app(home, port=PORT, limits=limits),
        base_url=f"http://127.0.0.1:{PORT}",
        headers={"accept-language": lang},
        raise_server_exceptions=False,
        follow_redirects=False,
    )


def token(client: TestClient) -> str:
    """The form's token, as the home page gives it."""
    found = re.search(r'name="token" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def hand_in(
    client: TestClient,
    content: bytes | str = SHOPIFY,
    name: str = "orders.csv",
    to: str = "dapu-ciyun/shopify-us",
    **fields: str,
) -> Any:
    """Send the form as a browser does."""
    said = {"token": token(client), "to": to, "kind": ""} | fields
    origin = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}
    return client.post("/uploads", data=said, files={"file": (name, content)}, headers=origin)


def in_landing(home: Home) -> list[Path]:
    """Every file under the landing folder, hidden ones too."""
    return sorted(path for path in home.settings.landing.rglob("*") if path.is_file())


@contextmanager
def running(home: Home, limits: Limits | None = None) -> Iterator[int]:
    """The real server on a free port, in a thread; yields the port."""
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        served = server(home, listening, limits)
        thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not served.started and time.monotonic() < deadline:
                time.sleep(0.02)
            assert served.started
            yield port
        finally:
            served.should_exit = True
            thread.join(20)


def talk(port: int, *parts: bytes, pause: float = 0, wait: float = 10) -> bytes:
    """Send raw bytes piece by piece; all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while block := line.recv(65536):
                answer += block
        except ConnectionResetError:
            pass
        return answer
