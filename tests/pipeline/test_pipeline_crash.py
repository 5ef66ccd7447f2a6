"""Promise 3: killed at any named point and run again, the bytes and numbers are the same."""

import signal
from pathlib import Path

import pytest
from pipeline_homes import command, declared_orders, issued, make_home

POINTS = (
    "original-kept:2",
    "upload-registered:3",
    "reading-written:2",
    "block-entered:2",
    "reading-registered:3",
    "check-written",
    "check-registered",
    "check-registered:2",
    "cutoff-reserving",
    "cutoff-reserved",
    "manifest-rendered",
    "manifest-folder-renamed",
    "manifest-renamed",
    "manifest-published",
)

pytestmark = pytest.mark.slow


def test_every_named_point_survives_a_kill(tmp_path: Path) -> None:
    whole = make_home(tmp_path / "whole", "b2b", "shopify-us")
    broken = make_home(tmp_path / "broken", "b2b", "shopify-us")
    for home in (whole, broken):
        # Files of several blocks, and orders checked in several parts.
        (home / "xborder.toml").write_text("block_rows = 8\n", "utf-8")
    command(whole, "run", "--date", "2026-11-22")
    for point in POINTS:
        done = command(broken, "run", "--date", "2026-11-22", crash_at=point, check=False)
        assert done.returncode == -signal.SIGKILL, f"{point} was not reached: {done.stdout[-800:]}"
    command(broken, "run", "--date", "2026-11-22")
    assert issued(broken) == issued(whole)
    assert len(issued(whole)) > 20
    orders = declared_orders(broken)
    assert len(orders) == len(set(orders))
    command(broken, "verify")


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b")
    command(home, "run", "--date", "2026-11-22")
    first = issued(home)
    command(home, "run", "--date", "2026-11-22")
    assert issued(home) == first


def test_verify_names_what_was_damaged(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b", "shopify-us")
    command(home, "run", "--date", "2026-11-22")
    command(home, "verify")
    original = max((home / "uploads").rglob("*.age"), key=lambda path: path.stat().st_size)
    bytes_ = bytearray(original.read_bytes())
    bytes_[-1] ^= 1
    original.write_bytes(bytes_)
    message = next((home / "manifests").rglob("CEB603_0001.xml"))
    message.write_bytes(message.read_bytes() + b" ")
    said = command(home, "verify", check=False)
    assert said.returncode == 1
    assert "its original is damaged" in said.stdout
    assert message.parent.name in said.stdout
