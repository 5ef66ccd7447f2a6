"""The cut-off: each list once, numbers without a gap, the same bytes after any crash."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from lxml import etree
from manifest_samples import DAY, NAMESPACE, NOON, at_once, head_rows, home, opened

from xborder.clock import fixed
from xborder.crashpoints import CRASH_AT
from xborder.manifests import content, cutoff, package
from xborder.registry import lists
from xborder.registry.database import reading
from xborder.schemas import tables

HEADS = [
    *head_rows(3),
    *[row | {"orderNo": f"#2{n}", "order_no": f"#2{n}", "tradeMode": "9710", "orderType": "B",
             "statisticsFlag": "A", "route": "declaration"}
      for n, row in enumerate(head_rows(2))],
    *[row | {"orderNo": f"#3{n}", "order_no": f"#3{n}", "exporter": "xingning-gongju",
             "customsCode": "6042"}
      for n, row in enumerate(head_rows(2))],
]  # fmt: skip
"""Two exporters, two customs offices (leaving through a third), both routes."""


def tree(folder):
    """All files below a folder with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def issue(settings, at=NOON, **more):
    with fixed(at):
        engine, store = opened(settings)
        try:
            return cutoff.issue(engine, store, settings, DAY, **more)
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A home whose manifests were issued without a crash, and what was issued."""
    settings = home(tmp_path_factory.mktemp("reference"), HEADS, lines=2)
    return settings, issue(settings)


def test_each_batch_gets_a_manifest_with_a_number_of_its_office(reference):
    _, issued = reference
    assert [(one.number, one.kind, one.exporter, one.lists) for one in issued] == [
        ("XB60412026112200001", "lists", "dapu-ciyun", 3),
        ("XB60412026112200002", "declarations", "dapu-ciyun", 2),
        ("XB60422026112200001", "lists", "xingning-gongju", 2),
    ]


def test_every_list_stands_in_one_message_once(reference, conforms):
    settings, _issued = reference
    found = {"CEB303": [], "CEB603": []}
    for path in sorted((settings.home / "manifests").rglob("*.xml")):
        conforms(path.read_bytes())
        root = etree.fromstring(path.read_bytes())
        found[path.name[:6]] += [
            (one.findtext(f".//{NAMESPACE}orderNo"), one.findtext(f".//{NAMESPACE}guid"))
            for one in root
            if one.tag != f"{NAMESPACE}BaseTransfer"
        ]
        assert {one.text for one in root.iter(f"{NAMESPACE}appTime")} == {"20261122120000"}
        assert {one.text for one in root.iter(f"{NAMESPACE}appStatus")} == {"2"}
    assert sorted(no for no, _ in found["CEB303"]) == sorted(row["orderNo"] for row in HEADS)
    assert sorted(no for no, _ in found["CEB603"]) == sorted(
        row["orderNo"] for row in HEADS if row["route"] == "list"
    )
    guids = [guid for kind in found.values() for _, guid in kind]
    assert len(set(guids)) == len(guids)


def test_names_beside_codes_are_those_of_the_tables(reference):
    settings, issued = reference
    index = json.loads((settings.home / issued[0].folder / "manifest.json").read_bytes())
    named = {one["field"]: one["name"] for one in index["batch"]}
    said = {one["field"]: one["value"] for one in index["batch"]}
    assert said["ebcName"] == said["agentName"] == "大埔瓷韵陶瓷有限公司"
    known = tables.load()
    assert named["customsCode"] == known.customs_offices["6041"]
    assert named["portCode"] == known.customs_offices["5349"]
    assert index["totals_by_currency"][0]["currency_name"]


def test_folder_and_archive_hold_the_same(reference):
    settings, issued = reference
    for one in issued:
        folder = tree(settings.home / one.folder)
        with zipfile.ZipFile(settings.home / one.archive) as packed:
            zipped = {n.removeprefix(f"{one.number}/"): packed.read(n) for n in packed.namelist()}
        assert folder == zipped


def test_nothing_is_issued_twice(tmp_path):
    settings = home(tmp_path, HEADS)
    assert len(issue(settings)) == 3
    before = tree(tmp_path / "manifests")
    assert issue(settings, at="2026-11-22T20:00:00+08:00") == []
    assert tree(tmp_path / "manifests") == before
    engine, _ = opened(settings)
    with reading(engine) as c:
        assert lists.pending(c).is_empty()


def test_same_orders_same_bytes_in_a_fresh_home(tmp_path, reference):
    settings = home(tmp_path, HEADS, lines=2)
    issue(settings)
    assert tree(tmp_path / "manifests") == tree(reference[0].home / "manifests")


def test_a_full_manifest_is_followed_by_another(tmp_path):
    settings = home(tmp_path, head_rows(5), lists_per_manifest=2, lists_per_message=1)
    issued = issue(settings)
    assert [(one.number[-5:], one.lists) for one in issued] == [
        ("00001", 2),
        ("00002", 2),
        ("00003", 1),
    ]
    assert len(list((tmp_path / issued[0].folder).glob("CEB603_*.xml"))) == 2


RUN = """
from datetime import date
from xborder import settings
from xborder.manifests import cutoff
from xborder.registry.database import connect
from xborder.registry.store import Store
home = settings.load()
cutoff.issue(connect(home.database), Store(home.storage), home, date(2026, 11, 22))
"""


NEXT_DAY = "2026-11-23T09:00:00+08:00"
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("point", "later"),
    [
        # Within the transaction nothing is stored yet: the second run takes the cut-off itself.
        pytest.param("cutoff-reserving", NOON, marks=SLOW),
        pytest.param("cutoff-reserved", NEXT_DAY, marks=SLOW),
        pytest.param("manifest-rendered", NEXT_DAY, marks=SLOW),
        ("manifest-rendered:3", NEXT_DAY),
        ("manifest-folder-renamed:2", NEXT_DAY),
        pytest.param("manifest-renamed", NEXT_DAY, marks=SLOW),
        pytest.param("manifest-published:2", NEXT_DAY, marks=SLOW),
    ],
)
def test_killed_anywhere_a_second_run_gives_the_same(point, later, tmp_path, reference):
    settings = home(tmp_path, HEADS, lines=2)
    variables = {"XBORDER_HOME": str(tmp_path), "XBORDER_NOW": NOON, CRASH_AT: point}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | variables,
        cwd=Path(__file__).parents[2],
        capture_output=True,
    )
    assert done.returncode == -9, done.stderr.decode()
    issue(settings, at=later)
    opened(settings)[1].sweep("manifests")
    assert tree(tmp_path / "manifests") == tree(reference[0].home / "manifests")
    assert cutoff.verify(*opened(settings)) == []


def test_an_object_store_holds_the_same_files(tmp_path, reference):
    settings = home(tmp_path, HEADS, lines=2, store_url="memory://manifests-of-a-test")
    issued = issue(settings)
    _, store = opened(settings)
    assert not store.local
    for one in issued:
        data = (reference[0].home / one.archive).read_bytes()
        assert store.path(*one.archive.split("/")).read_bytes() == data
        assert {path.name for path in store.path(*one.folder.split("/")).iterdir()} == {
            path.name for path in (reference[0].home / one.folder).iterdir()
        }
    assert cutoff.verify(*opened(settings)) == []


def test_what_a_crash_left_is_completed_without_a_new_cutoff(tmp_path, monkeypatch):
    settings = home(tmp_path, head_rows(2))

    def dies(name):
        if name == "cutoff-reserved":
            raise KeyboardInterrupt

    monkeypatch.setattr(cutoff, "crash_point", dies)
    with pytest.raises(KeyboardInterrupt):
        issue(settings)
    monkeypatch.undo()
    assert [str(one) for one in cutoff.verify(*opened(settings))] == [
        "XB60412026112200001: reserved, not published yet"
    ]
    assert [one.lists for one in issue(settings, issue_new=False)] == [2]
    assert issue(settings, issue_new=False) == []


def test_a_list_that_cannot_be_written_leaves_nothing_visible(tmp_path):
    settings = home(tmp_path, [*head_rows(1), *head_rows(1, order_no="#9", ebcName="瓷\x01韵")])
    with pytest.raises(ValueError, match="ebcName of list 2"):
        issue(settings)
    assert tree(tmp_path / "manifests") == {}


def test_two_runs_at_once_publish_each_manifest_once(tmp_path, reference):
    settings = home(tmp_path, HEADS, lines=2)
    issued, failed = [], []

    def run():
        try:
            engine, store = opened(settings)
            issued.extend(cutoff.issue(engine, store, settings, DAY))
        except Exception as error:
            failed.append(error)

    with fixed(NOON):
        at_once(run)
    assert not failed
    assert sorted(one.number for one in issued) == [one.number for one in reference[1]]
    assert tree(tmp_path / "manifests") == tree(reference[0].home / "manifests")


def test_missing_content_is_said_and_loses_nothing(tmp_path):
    settings = home(tmp_path, head_rows(2))
    items = tmp_path / "lake" / "checked_orders" / "00000001" / "items.parquet"
    kept = items.rename(items.with_suffix(".away"))
    with pytest.raises(content.ContentError, match="items"):
        issue(settings)
    kept.rename(items)
    assert [one.number for one in issue(settings)] == ["XB60412026112200001"]


@pytest.fixture
def stored(tmp_path):
    """A home with one published manifest; (engine, store, folder, number)."""
    settings = home(tmp_path, head_rows(2))
    (one,) = issue(settings)
    return (*opened(settings), tmp_path / one.folder, one.number)


def said(stored, number=None):
    engine, store, _folder, _ = stored
    return [
        (Path(one.file).name, one.what.split(" ")[0])
        for one in cutoff.verify(engine, store, number)
    ]


def test_verify_finds_nothing_wrong_in_what_was_issued(stored):
    assert said(stored) == []
    assert said(stored, stored[3]) == []
    with pytest.raises(LookupError):
        said(stored, "XB60412026112299999")


def test_verify_finds_a_changed_a_missing_and_a_foreign_file(stored):
    folder = stored[2]
    xml = folder / "CEB603_0001.xml"
    xml.write_bytes(xml.read_bytes().replace(b"49.98", b"49.99"))
    (folder / "manifest.xlsx").unlink()
    (folder / "notes.txt").write_text("x")
    assert said(stored) == [
        ("CEB603_0001.xml", "differs"),
        ("manifest.xlsx", "is"),
        ("notes.txt", "does"),
    ]


def test_verify_finds_a_damaged_and_a_missing_archive(stored):
    engine, store, folder, number = stored
    archive = folder.with_name(f"{number}.zip")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    assert said(stored) == [(archive.name, "sha256")]
    with pytest.raises(cutoff.FetchError, match="damaged"):
        cutoff.fetch(engine, store, number, folder / "to")
    archive.unlink()
    assert said(stored) == [(archive.name, "is")]
    with pytest.raises(cutoff.FetchError, match="missing"):
        cutoff.fetch(engine, store, number, folder / "to")


def test_verify_finds_rows_that_say_something_else(stored):
    engine, store, _folder, number = stored
    place = ("lake", "checked_orders", "00000001", "items.parquet")
    items = store.read_parquet(*place)
    store.write_parquet(items.with_columns(gname=items["gname"] + "x"), *place)
    found = cutoff.verify(engine, store, number)
    assert {Path(one.file).name for one in found if "rendering" in one.what} == {
        "CEB603_0001.xml", "SHA256SUMS", "manifest.json", "manifest.xlsx",
    }  # fmt: skip
    store.path(*place).unlink()
    assert "cannot be rendered again" in str(cutoff.verify(engine, store, number)[0])


def test_other_versions_of_the_writers_are_compared_by_messages_only(stored, monkeypatch):
    monkeypatch.setattr(package, "written_by", lambda: "a later version")
    assert said(stored) == []


def test_fetch_copies_the_checked_archive(stored, tmp_path):
    engine, store, folder, number = stored
    copy = cutoff.fetch(engine, store, number, tmp_path / "to")
    assert copy.read_bytes() == folder.with_name(f"{number}.zip").read_bytes()
    assert [one.name for one in (tmp_path / "to").iterdir()] == [f"{number}.zip"]
    with pytest.raises(cutoff.FetchError, match="no published manifest"):
        cutoff.fetch(engine, store, "../x", tmp_path)
