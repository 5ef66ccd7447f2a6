"""Homes to run the real command on: a part of the examples, a fixed clock, a process of its own."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NOW = "2026-11-22T10:00:00+08:00"
EXPORTER = "dapu-ciyun"


def make_home(folder: Path, *shops: str, exporter: str = EXPORTER) -> Path:
    """A home with one exporter's profile and the files of some of its shops."""
    from xborder.registry.home import create

    create(folder)
    shutil.copy(EXAMPLES / "exporters" / f"{exporter}.toml", folder / "exporters")
    for shop in shops:
        shutil.copytree(
            EXAMPLES / "landing" / exporter / shop, folder / "landing" / exporter / shop
        )
    return folder


def command(
    home: Path, *words: str, crash_at: str = "", now: str = NOW, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run ``xborder`` on a home as a user does, in a process of its own."""
    environment = os.environ | {
        "XBORDER_HOME": str(home), "XBORDER_NOW": now, "XBORDER_CRASH_AT": crash_at,
        "XBORDER_LANG": "en",
    }  # fmt: skip
    environment.pop("DAGSTER_HOME", None)
    done = subprocess.run(
        [sys.executable, "-m", "xborder", *words],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def start(home: Path, *words: str) -> "subprocess.Popen[str]":
    """The same, without waiting for its end."""
    environment = os.environ | {"XBORDER_HOME": str(home), "XBORDER_NOW": NOW, "XBORDER_LANG": "en"}
    environment.pop("DAGSTER_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-m", "xborder", *words],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def issued(home: Path) -> dict[str, str]:
    """Checksum of every file under ``manifests/``, by path."""
    folder = home / "manifests"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def manifests(home: Path) -> list[dict[str, Any]]:
    """What ``xborder manifests --json`` tells."""
    return list(json.loads(command(home, "manifests", "--json").stdout))


def declared_orders(home: Path) -> list[str]:
    """The order number of every list in every issued message, repeats kept.

    Nothing in the registry refers to what is not there.
    """
    from lxml import etree

    with contextlib.closing(sqlite3.connect(home / "registry.db")) as registry:
        assert registry.execute("PRAGMA foreign_key_check").fetchall() == []
    found = []
    for path in sorted((home / "manifests").rglob("CEB303*.xml")):
        tree = etree.parse(path)
        found += [str(node.text) for node in tree.iter("{http://www.chinaport.gov.cn/ceb}orderNo")]
    return found
