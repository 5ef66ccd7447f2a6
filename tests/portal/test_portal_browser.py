"""The page in a real browser (headless Chromium) against the real server: ``-m slow``."""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import portal_site
import pytest

from xborder.registry import queries
from xborder.registry.database import reading

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@contextmanager
def browser(folder: Path):
    """A function that loads an address: the DOM after its scripts ran, and what was logged."""

    def load(address: str, *more: str) -> tuple[str, str]:
        done = subprocess.run(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-background-networking", f"--user-data-dir={folder}",
                *more, "--dump-dom", address,
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout, done.stderr

    yield load


@contextmanager
def served(home):
    """``python -m xborder.portal`` on a home, in a process of its own; its address."""
    with portal_site.listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "xborder.portal", "--home", str(home.settings.home)]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        env=os.environ | {"XBORDER_NOW": portal_site.NOW},
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/findings", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=30)[1]
        # uvicorn raises the signal again when it has stopped in order.
        assert process.returncode in (0, -signal.SIGTERM), errors
        assert "Traceback" not in errors


def text_of(dom: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", dom).split())


def test_what_people_see_and_fetch(worked, tmp_path):
    with reading(worked.engine) as c:
        manifest = queries.manifests(c)[0]
        upload = queries.uploads(c, kind="orders")[0]
        rows = queries.receipt(c, upload.id)["rows"]
    with served(worked) as address, browser(tmp_path / "profile") as load:

        def dom(place: str) -> str:
            return load(place)[0]

        home = text_of(dom(f"{address}/?lang=zh"))
        assert "交一份文件" in home and "最近上传" in home and upload.file_name
        receipt = dom(f"{address}/uploads/{upload.id}?lang=en")
        assert f"{rows} rows in all, as in the file" in text_of(receipt)
        assert f"{upload.file_name}" in receipt
        shown = text_of(dom(f"{address}/manifests/{manifest['number']}?lang=en"))
        assert f"Manifest {manifest['number']}" in shown and manifest["sha256"] in shown
        stock = dom(f"{address}/stock?lang=en")
        link = re.search(r'href="(/stock/[^"]+/stock\.html)"', stock)
        assert link and "<svg" in dom(address + link[1])
        with urllib.request.urlopen(f"{address}/manifests/{manifest['number']}.zip") as reply:
            data = reply.read()
    assert hashlib.sha256(data).hexdigest() == manifest["sha256"]
    assert f"{manifest['number']}/manifest.json" in zipfile.ZipFile(io.BytesIO(data)).namelist()


@pytest.mark.parametrize("address", ["/?lang=zh", "/uploads/2", "/manifests"])
def test_the_policy_blocks_nothing_of_ours(worked, tmp_path, address):
    with served(worked) as root, browser(tmp_path / "profile") as load:
        _, told = load(root + address, "--enable-logging=stderr", "--v=0")
    assert "CONSOLE" not in told, told


def test_a_file_is_handed_in_by_post_and_its_page_turns_into_the_receipt(fresh, tmp_path):
    with served(fresh) as address, browser(tmp_path / "profile") as load:
        port = int(address.rpartition(":")[2])
        place = posted(address, port)
        waiting, _ = load(f"{address}{place}?lang=en")
        assert "The file has landed" in waiting and "手工.csv" in waiting
        portal_site.work(fresh)
        receipt = text_of(load(f"{address}{place}?lang=en")[0])
        assert "NO-SUCH-SKU" in receipt and "What to do" in receipt
        assert posted(address, port) == "/uploads/1?again=1"


def test_a_waiting_page_loads_itself_again_when_the_run_is_through(fresh, tmp_path):
    """The script polls the state in the browser; the run happens while the page is open."""
    with served(fresh) as address:
        place = posted(address, int(address.rpartition(":")[2]))
        process = subprocess.Popen(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-port=0",
                f"{address}{place}?lang=en",
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert eventually(
                lambda: titles(tmp_path / "profile") == ["The file has landed · xborder"]
            )
            portal_site.work(fresh)
            assert eventually(lambda: titles(tmp_path / "profile") == ["手工.csv · xborder"])
        finally:
            process.terminate()
            process.wait(30)


def posted(address: str, port: int) -> str:
    """Hand a file in over real HTTP; where the reply leads."""
    import httpx

    with httpx.Client(base_url=address) as client:
        found = re.search(r'name="token" value="([^"]+)"', client.get("/").text)
        assert found
        reply = client.post(
            "/uploads",
            data={"token": found[1], "to": "dapu-ciyun/shopify-us", "kind": ""},
            files={"file": ("手工.csv", portal_site.SHOPIFY)},
            headers={"origin": address, "sec-fetch-site": "same-origin"},
        )
    assert reply.status_code == 303, reply.text
    return reply.headers["location"]


def titles(profile: Path) -> list[str]:
    """Titles of the browser's open pages, as its debugging port tells them."""
    try:
        port = (profile / "DevToolsActivePort").read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as reply:
            return [one["title"] for one in json.load(reply) if one["type"] == "page"]
    except (OSError, IndexError):
        return []


def eventually(holds, seconds: float = 45) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.3)
    return False
