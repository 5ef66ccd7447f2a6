"""TOML files that are parsed once: what comes back is what the files say, whatever is kept."""

import sys
from pathlib import Path

import pytest

from xborder import compiled


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "a.toml").write_text('name = "a"', "utf-8")
    (tmp_path / "b.toml").write_text("many = [1, 2]", "utf-8")
    return tmp_path


NAMES = ("a.toml", "b.toml")
SAID = {"a.toml": {"name": "a"}, "b.toml": {"many": [1, 2]}}


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.marshal"))


def test_what_is_kept_is_read_without_parsing(folder, monkeypatch):
    assert compiled.toml(folder, NAMES) == SAID
    assert len(kept(folder)) == 1
    monkeypatch.setattr(compiled.tomllib, "loads", None)
    assert compiled.toml(folder, NAMES) == SAID


def test_a_changed_text_is_parsed_anew(folder):
    compiled.toml(folder, NAMES)
    (folder / "a.toml").write_text('name = "other"', "utf-8")
    assert compiled.toml(folder, NAMES) == SAID | {"a.toml": {"name": "other"}}
    assert compiled.toml(folder, NAMES[:1]) == {"a.toml": {"name": "other"}}
    assert len(kept(folder)) == 1


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_what_is_kept_may_be_damaged(folder, damage):
    compiled.toml(folder, NAMES)
    (place,) = kept(folder)
    whole = place.read_bytes()
    place.write_bytes(whole[:40] if damage is None else damage)
    assert compiled.toml(folder, NAMES) == SAID
    assert place.read_bytes() == whole


def test_nothing_is_kept_where_nothing_can_be_written(folder, monkeypatch):
    (folder / "__pycache__").write_text("a file in the way", "utf-8")
    assert compiled.toml(folder, NAMES) == SAID
    (folder / "__pycache__").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert compiled.toml(folder, NAMES) == SAID
    assert kept(folder) == []


def test_dates_are_not_kept_but_read(folder):
    (folder / "a.toml").write_text("day = 2026-01-01", "utf-8")
    assert compiled.toml(folder, NAMES)["a.toml"]["day"].year == 2026
    assert kept(folder) == []


def test_what_is_made_is_made_once_and_anew_when_a_text_changes(folder):
    made = []

    def make() -> dict:
        made.append(1)
        return {"said": len(made)}

    texts = {"a.toml": b"one", "code": b"of the maker"}
    assert [compiled.kept(folder, texts, make) for _ in range(2)] == [{"said": 1}] * 2
    assert compiled.kept(folder, texts | {"code": b"of another"}, make) == {"said": 2}


def test_what_cannot_be_made_is_not_kept(folder):
    with pytest.raises(ValueError, match="wrong"):
        compiled.kept(folder, {}, lambda: int("wrong"))
    assert kept(folder) == []
