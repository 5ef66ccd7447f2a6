"""An annotated copy lies beside every original that has findings, and goes when it goes."""

import io
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
import registry_steps
from pipeline_homes import make_home
from sqlalchemy import Engine, select

from xborder import clock
from xborder.checks import annotator
from xborder.checks.issue_sheet import TITLE
from xborder.registry import (
    annotations,
    answers,
    checkings,
    fixes,
    landing,
    originals,
    readings,
    uploads,
)
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home, open_home
from xborder.registry.tables import annotations as kept
from xborder.schemas import columns

DAY = date(2026, 11, 22)
NOW = "2026-11-22T10:00:00+08:00"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(make_home(tmp_path / "home", "shopify-us"))


def work(home: Home) -> int:
    """Take in, read, check, annotate; how many copies were made."""
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    with clock.fixed(NOW):
        landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
        readings.read_uploads(*rooms)
        checkings.check_open_orders(*rooms, DAY)
        return annotations.refresh(*rooms)


def rows(home: Home) -> dict[int, str]:
    """The copies that lie there: upload → SHA-256."""
    with reading(home.engine) as c:
        wanted = select(kept.c.upload_id, kept.c.sha256).where(kept.c.size > 0)
        return dict(c.execute(wanted).tuples().all())


def asked(home: Home, upload_id: int) -> bytes:
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    with clock.fixed(NOW):
        return annotations.of_upload(*rooms, upload_id)


def listed(copy: bytes) -> set[str]:
    """The codes on a copy's list."""
    sheet = openpyxl.load_workbook(io.BytesIO(copy))[TITLE]
    return {str(row[-1]) for row in sheet.iter_rows(min_row=5, values_only=True) if row[-1]}


def test_every_file_with_findings_has_a_copy_that_nobody_reads_without_the_key(home: Home) -> None:
    assert work(home) > 0
    lying = rows(home)
    for upload_id in range(1, 1 + max(lying)):
        told = answers.findings_of(home.engine, home.store, upload_id)
        assert (upload_id in lying) == (told.height > 0)
    for upload_id, sha256 in lying.items():
        sealed = annotations.place(home.settings, upload_id, sha256)
        assert sealed.read_bytes().startswith(b"age-encryption.org/v1")
        copy = originals.unseal(home.settings, sealed)
        told = answers.findings_of(home.engine, home.store, upload_id)
        assert listed(copy) == set(told["code"])
        assert asked(home, upload_id) == copy
    assert annotations.problems(home.engine, home.settings) == (len(lying), [])
    assert work(home) == 0, "nothing has changed"


def test_a_copy_follows_its_findings(home: Home) -> None:
    work(home)
    before = rows(home)
    held = {}
    for upload_id in before:
        found = answers.findings_of(home.engine, home.store, upload_id)
        for sku in found.filter(code="SKU_NOT_IN_CATALOGUE")["value"]:
            held[upload_id] = sku
    assert held
    with transaction(home.engine) as c, clock.fixed(NOW):
        row = fixes.goods(home.store, fixes.given(c, "dapu-ciyun"), home.tables).row(0, named=True)
        known = {name: str(row[name]) for name in columns("goods") if row[name] and name != "sku"}
        for sku in set(held.values()):
            fixes.record(c, "dapu-ciyun", "sku", sku, known, by="tester")
    assert work(home) > 0
    for upload_id in before:
        told = answers.findings_of(home.engine, home.store, upload_id)
        assert listed(asked(home, upload_id)) == set(told["code"])
    changed = {one for one, sha256 in rows(home).items() if before.get(one) != sha256}
    assert changed
    lying = set(annotations.folder(home.settings).iterdir())
    assert lying == {annotations.place(home.settings, *one) for one in rows(home).items()}


def test_a_copy_expires_with_its_original(home: Home) -> None:
    work(home)
    upload_id = min(rows(home))
    later = datetime.fromisoformat(NOW) + timedelta(days=home.settings.originals_days + 1)
    originals.expire(home.engine, home.settings, later)
    assert annotations.remove_expired(home.engine, home.settings) > 0
    assert rows(home) == {}
    assert list(annotations.folder(home.settings).iterdir()) == []
    assert work(home) == 0
    with pytest.raises(FileNotFoundError):
        asked(home, upload_id)


def test_what_is_missing_or_damaged_is_told_and_made_again_when_asked(home: Home) -> None:
    work(home)
    (one, first), (other, second) = sorted(rows(home).items())[:2]
    kept_copy = asked(home, one)
    annotations.place(home.settings, one, first).unlink()
    place = annotations.place(home.settings, other, second)
    place.write_bytes(place.read_bytes()[:-30])
    _, told = annotations.problems(home.engine, home.settings)
    assert told == [
        f"upload {one}: its annotated copy is missing",
        f"upload {other}: its annotated copy is damaged",
    ]
    assert asked(home, one) == kept_copy
    asked(home, other)
    assert annotations.problems(home.engine, home.settings)[1] == []


def test_a_busy_machine_leaves_no_lesser_copy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = annotator.LIMITS
    monkeypatch.setattr(annotator, "LIMITS", replace(limits, wall_seconds=0.0))
    work(home)
    with reading(home.engine) as c:
        names = {one.id: one.file_name for one in uploads.pending(c, ["checked", "refused"])}
    workbooks = {one for one, name in names.items() if name.endswith(".xlsx")}
    told = {one for one in workbooks if answers.findings_of(home.engine, home.store, one).height}
    assert told and not told & set(rows(home)), "none is kept that was not made in full"
    with pytest.raises(annotator.BusyError):
        asked(home, min(told))
    monkeypatch.setattr(annotator, "LIMITS", limits)
    assert work(home) == len(told), "the next run makes them"
    with monkeypatch.context() as patched:
        patched.setattr(annotations.intake, "read", unusable)
        annotations.place(home.settings, min(told), rows(home)[min(told)]).unlink()
        with pytest.raises(annotator.BusyError):
            asked(home, min(told))


def unusable(*_: Any, **__: Any) -> Any:
    """A reading that a busy machine cut short."""
    return SimpleNamespace(usable=False)


def test_a_large_file_is_annotated_when_somebody_asks_and_not_kept(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", "shopify-us")
    home = open_home(made, annotated_bytes=10)
    work(home)
    with reading(home.engine) as c:
        small = {one.id for one in uploads.pending(c, ["checked", "refused"]) if one.size <= 10}
    assert set(rows(home)) == small, "an empty file is small, all others are not"
    found = answers.findings_of(home.engine, home.store, 1)
    assert 1 not in small and listed(asked(home, 1)) == set(found["code"])
    assert set(rows(home)) == small


def test_what_a_crash_left_is_swept(home: Home) -> None:
    work(home)
    left = annotations.place(home.settings, 77, "ab" * 32)
    left.write_bytes(b"left")
    with transaction(home.engine) as c:
        c.execute(kept.delete().where(kept.c.upload_id == min(rows(home))))
    assert work(home) == 1
    assert not left.exists()
    assert annotations.problems(home.engine, home.settings)[1] == []


def test_what_is_due_is_asked_alike_of_both_databases(engine: Engine) -> None:
    with transaction(engine) as c:
        upload = registry_steps.upload(c, "a", {"order_no": "1"})
        assert upload == {"1": "current"} and annotations._due(c, 100) == []
        registry_steps.check(c)
        uploads.mark_checked(c, 1)
        ((number, version),) = annotations._due(c, 100)
        assert number == 1 and annotations._due(c, 1) == []
        row = {"upload_id": 1, "version": version, "digest": "d", "sha256": "s", "size": 1}
        c.execute(kept.insert().values(made_at=registry_steps.NOW, **row))
        assert annotations._due(c, 100) == []
        registry_steps.check(c, "v2", held=("1",))
        assert [one for one, _ in annotations._due(c, 100)] == [1]
