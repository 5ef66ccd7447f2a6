"""The landing zone and the encrypted originals."""

import os
import stat
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pyrage
import pytest
from registry_steps import DAY, NOW
from sqlalchemy import Engine

from xborder import clock
from xborder.registry import landing, originals, queries, uploads
from xborder.registry.database import reading, transaction
from xborder.settings import Settings


@dataclass(frozen=True)
class Shop:
    id: str


@dataclass(frozen=True)
class Exporter:
    shops: tuple[Shop, ...]


EXPORTERS = {
    "dapu": Exporter((Shop("us"), Shop("eu"))),
    "single": Exporter((Shop("only"),)),
}
CONTENT = b"order_no,buyer\n1,Somebody Private\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv(clock.FIXED_BY, NOW.isoformat())
    folder = tmp_path / "home"
    (folder / "landing").mkdir(parents=True)
    return Settings(home=folder)


def put(home: Settings, name: str, content: bytes = CONTENT) -> Path:
    file = home.landing / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def left(home: Settings) -> list[str]:
    return sorted(
        str(one.relative_to(home.landing)) for one in home.landing.rglob("*") if not one.is_dir()
    )


def test_files_are_taken_in_by_exporter_shop_and_name(engine: Engine, home: Settings) -> None:
    for n, name in enumerate(["single/x.csv", "dapu/us/b.csv", "dapu/eu/c.csv", "dapu/us/a.csv"]):
        put(home, name, CONTENT + bytes([n]))
    taken = landing.take_in(engine, home, EXPORTERS)
    told = [(one.upload_id, one.exporter, one.shop, one.file_name, one.new) for one in taken]
    assert told == [
        (1, "dapu", "eu", "c.csv", True),
        (2, "dapu", "us", "a.csv", True),
        (3, "dapu", "us", "b.csv", True),
        (4, "single", "only", "x.csv", True),
    ]
    assert left(home) == []
    with reading(engine) as c:
        assert [row.id for row in uploads.pending(c)] == [1, 2, 3, 4]
        assert {row.business_date for row in queries.uploads(c, day=DAY)} == {DAY}
    with originals.open_plain(home, taken[1].sha256) as plain:
        assert plain.read() == CONTENT + b"\x03"
    assert landing.take_in(engine, home, EXPORTERS) == []


def test_what_cannot_be_assigned_is_refused_and_kept(engine: Engine, home: Settings) -> None:
    for n, name in enumerate(
        ["else/us/a.csv", "dapu/nowhere/b.csv", "c.csv", "dapu/us/deep/d.csv"]
    ):
        put(home, name, CONTENT + bytes([n]))
    taken = {one.file_name: one for one in landing.take_in(engine, home, EXPORTERS)}
    assert {name: one.code for name, one in taken.items()} == {
        "a.csv": "UNKNOWN_EXPORTER",
        "b.csv": "UNKNOWN_SHOP",
        "c.csv": "UNKNOWN_EXPORTER",
        "d.csv": "UNKNOWN_SHOP",
    }
    assert left(home) == []
    with reading(engine) as c:
        assert uploads.pending(c) == []
        assert len(queries.refused(c)) == 4
        found = queries.findings_of(c, taken["d.csv"].upload_id)
        assert found.select("code", "value").row(0) == ("UNKNOWN_SHOP", "us/deep")
        for one in taken.values():
            assert originals.state(c, home, one.sha256) == "kept"
    # The profile was mended: the same file is taken up.
    put(home, "else/us/a.csv", CONTENT + bytes([0]))
    again = landing.take_in(engine, home, EXPORTERS | {"else": Exporter((Shop("us"),))})
    assert [(one.upload_id, one.new, one.code) for one in again] == [
        (taken["a.csv"].upload_id, True, None)
    ]


def test_a_file_of_an_exporter_with_several_shops_names_none(
    engine: Engine, home: Settings
) -> None:
    put(home, "dapu/goods.xlsx")
    (one,) = landing.take_in(engine, home, EXPORTERS)
    assert (one.shop, one.code) == ("", None)


def test_the_same_bytes_three_times_are_one_upload(engine: Engine, home: Settings) -> None:
    for name in ("dapu/us/a.csv", "dapu/us/renamed.csv"):
        put(home, name)
    landing.take_in(engine, home, EXPORTERS)
    put(home, "dapu/us/a.csv")
    (third,) = landing.take_in(engine, home, EXPORTERS)
    assert (third.upload_id, third.new) == (1, False)
    with reading(engine) as c:
        assert len(queries.uploads(c)) == 1
        assert [row["new"] for row in queries.deliveries(c)] == [True, False, False]
        assert queries.receipt(c, 1)["deliveries"] == 3
        told = queries.delivery_receipt(c, third.delivery_id)
        assert (told["code"], told["first"]) == ("ALREADY_RECEIVED", 1)


def test_what_is_hidden_unfinished_or_no_file_is_left(engine: Engine, home: Settings) -> None:
    secret = home.home.parent / "secret.csv"
    secret.write_bytes(b"secret")
    names = [".hidden", "x.csv.part", "~$x.xlsx", "X.CRDOWNLOAD"]
    for name in names:
        put(home, f"dapu/us/{name}")
    shop = home.landing / "dapu" / "us"
    (shop / "link.csv").symlink_to(secret)
    (home.landing / "dapu" / "eu").symlink_to(home.home.parent, target_is_directory=True)
    os.mkfifo(shop / "pipe.csv")
    assert landing.waiting(home) == {}
    assert landing.take_in(engine, home, EXPORTERS) == []
    assert len(left(home)) == len(names) + 2


def test_a_folder_without_end_does_not_end_the_look(engine: Engine, home: Settings) -> None:
    put(home, "dapu/us/a.csv")
    put(home, "dapu/us/" + "deep/" * 30 + "b.csv")
    put(home, "dapu/us/" + "deep/" * 60 + "c.csv")
    taken = landing.take_in(engine, home, EXPORTERS)
    assert {one.file_name: one.code for one in taken} == {"a.csv": None, "b.csv": "UNKNOWN_SHOP"}
    put(home, f"dapu/{'x' * 255}/{'y' * 255}/d.csv")
    (long,) = landing.take_in(engine, home, EXPORTERS)
    assert (len(long.shop), long.code) == (200, "UNKNOWN_SHOP")


def test_a_file_that_cannot_be_removed_is_counted_once(
    engine: Engine, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, "dapu/us/a.csv")
    put(home, "dapu/us/b.csv", b"other")

    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(home.landing):
            raise PermissionError(13, "not yours", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert len(landing.take_in(engine, home, EXPORTERS)) == 2
    assert landing.take_in(engine, home, EXPORTERS) == []
    with reading(engine) as c:
        assert [row["new"] for row in queries.deliveries(c)] == [True, True]


def test_a_link_that_takes_a_files_place_is_not_followed(engine: Engine, home: Settings) -> None:
    file = put(home, "dapu/us/a.csv")
    seen = landing.look(home)
    secret = home.home.parent / "secret.csv"
    secret.write_bytes(b"secret")
    file.unlink()
    file.symlink_to(secret)
    assert landing.take_in(engine, home, EXPORTERS, landed=seen) == []
    assert file.is_symlink()


def test_a_file_that_is_still_written_stays(
    engine: Engine, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(home, "dapu/us/a.csv")
    keep = originals.keep

    def slow(settings: Settings, source: object, size: int) -> originals.Kept:
        kept = keep(settings, source, size)  # type: ignore[arg-type]
        with file.open("ab") as more:
            more.write(b"2,Another\n")
        return kept

    monkeypatch.setattr(originals, "keep", slow)
    assert landing.take_in(engine, home, EXPORTERS) == []
    monkeypatch.undo()
    monkeypatch.setenv(clock.FIXED_BY, NOW.isoformat())
    (one,) = landing.take_in(engine, home, EXPORTERS)
    assert one.size == len(CONTENT) + 10


@pytest.mark.parametrize("point", ["original-kept", "upload-registered"])
def test_a_crash_counts_a_file_once(
    engine: Engine, home: Settings, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(name: str) -> None:
        if name == point:
            raise InterruptedError

    put(home, "dapu/us/a.csv")
    monkeypatch.setattr(landing, "crash_point", die)
    with pytest.raises(InterruptedError):
        landing.take_in(engine, home, EXPORTERS)
    assert left(home) == ["dapu/us/a.csv"]
    monkeypatch.setattr(landing, "crash_point", lambda name: None)
    taken = landing.take_in(engine, home, EXPORTERS)
    assert [one.upload_id for one in taken] == ([1] if point == "original-kept" else [])
    assert left(home) == []
    with reading(engine) as c:
        assert len(queries.deliveries(c)) == 1
        assert [row.id for row in uploads.pending(c)] == [1]


def test_submitted_files_appear_whole_under_a_name_from_their_content(
    engine: Engine, home: Settings, tmp_path: Path
) -> None:
    mine = tmp_path / "我的 订单\u202e@2026.csv"
    mine.write_bytes(CONTENT)
    (lies,) = landing.submit(home, [mine], "dapu", "us", "orders")
    assert lies.parent == home.landing / "dapu" / "us"
    assert landing.submit(home, [mine], "dapu", "us", "orders") == [lies]
    (seen,) = landing.look(home)
    assert (seen.kind, seen.file_name) == ("orders", "我的 订单_@2026.csv")
    landing.submit(home, [mine], "dapu", "eu")
    taken = landing.take_in(engine, home, EXPORTERS)
    assert [(one.shop, one.kind) for one in taken] == [("eu", None), ("us", "orders")]
    for bad in ("..", "a/b", ".x", "", "ü"):
        with pytest.raises(ValueError, match="landing zone"):
            landing.submit(home, [mine], bad, "us")
    with pytest.raises(ValueError, match="none of"):
        landing.submit(home, [mine], "dapu", "us", "gifts")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.xlsx", "a.xlsx"),
        ("a\nb\x1b[31m.csv", "a_b_[31m.csv"),
        ("..", "file"),
        ("nul\0byte.csv", "nulbyte.csv"),
        ("\udcff.csv", "?.csv"),
        ("字" * 200 + ".xlsx", "字" * 51 + ".xlsx"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert landing.safe_name(name) == safe


def test_originals_lie_encrypted_and_the_key_outside(home: Settings) -> None:
    with (home.home / "plain").open("w+b") as file:
        file.write(CONTENT * 50_000)
        file.seek(0)
        kept = originals.keep(home, file)
    (home.home / "plain").unlink()
    assert kept.size == len(CONTENT) * 50_000
    assert stat.S_IMODE(home.key.stat().st_mode) == 0o600
    assert not home.key.is_relative_to(home.home)
    everything = b"".join(one.read_bytes() for one in home.home.rglob("*") if one.is_file())
    assert b"Private" not in everything
    assert b"AGE-SECRET" not in everything
    key = home.key.read_bytes()
    with originals.open_plain(home, kept.sha256) as plain:
        assert plain.read() == CONTENT * 50_000
        assert isinstance(plain.fileno(), int)
        assert [one for one in originals.folder(home).iterdir() if one.is_file()] == []
    assert home.key.read_bytes() == key
    with pytest.raises(FileNotFoundError):
        originals.open_plain(home, "0" * 64)


def test_a_key_is_never_made_anew_over_originals_that_need_it(home: Settings) -> None:
    file = put(home, "x")
    with file.open("rb") as source:
        sha256 = originals.keep(home, source).sha256
    home.key.rename(home.key.with_suffix(".away"))
    with pytest.raises(originals.KeyFileError, match="bring it back"):
        originals.open_plain(home, sha256)
    assert not home.key.exists()
    home.key.write_text("no key")
    with pytest.raises(originals.KeyFileError, match="no age identity"):
        originals.open_plain(home, sha256)
    home.key.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(originals.KeyFileError, match="is not the key"):
        originals.open_plain(home, sha256)


@pytest.mark.parametrize("happens", ["nothing", "damaged", "replaced", "gone", "key", "no key"])
def test_what_was_just_kept_is_at_hand_while_nothing_happens_to_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    content = CONTENT * 50_000
    monkeypatch.setattr(originals, "LEAST_AT_HAND", len(content))
    with put(home, "x", content).open("rb") as source:
        sha256 = originals.keep(home, source, len(content)).sha256
    lies = originals.place(home, sha256)
    sealed = lies.read_bytes()
    wanted: type[Exception] | None = None
    if happens == "damaged":
        lies.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        wanted = originals.UnreadableError
    elif happens == "replaced":
        lies.unlink()
        lies.write_bytes(sealed)
    elif happens == "gone":
        lies.unlink()
        wanted = FileNotFoundError
    elif happens == "key":
        home.key.write_text(str(pyrage.x25519.Identity.generate()))
        wanted = originals.KeyFileError
    elif happens == "no key":
        home.key.unlink()
        wanted = originals.KeyFileError
    decrypted = []
    decrypt = originals.decrypt_io
    monkeypatch.setattr(
        originals, "decrypt_io", lambda *given: (decrypted.append(1), decrypt(*given))
    )
    for again in range(2):
        with pytest.raises(wanted) if wanted else nullcontext():
            opened = originals.open_plain(home, sha256)
        if wanted is None:
            with opened:
                assert opened.read() == content
            assert len(decrypted) == again + (happens != "nothing"), "at hand once only"


def full_disk(*_: object, **__: object) -> BinaryIO:
    return Path("/dev/full").open("r+b", 0)


def test_few_bytes_and_a_full_disk_leave_nothing_at_hand(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = CONTENT * 50_000
    for least, room, fails in ((1 << 40, 8, False), (1, 1 << 60, False), (1, 8, True)):
        with monkeypatch.context() as patched:
            patched.setattr(originals, "LEAST_AT_HAND", least)
            patched.setattr(originals, "ROOM_AT_HAND", room)
            if fails:
                patched.setattr(originals.tempfile, "TemporaryFile", full_disk)
            with put(home, "x", content).open("rb") as source:
                sha256 = originals.keep(home, source, len(content)).sha256
        assert originals.AT_HAND.take(home, originals.place(home, sha256)) is None
        with originals.open_plain(home, sha256) as plain:
            assert plain.read() == content
        originals.place(home, sha256).unlink()


def test_a_key_inside_the_home_is_refused(home: Settings) -> None:
    inside = Settings(home=home.home, key_file=home.home / "lake" / ".." / "originals.key")
    with (
        put(home, "x").open("rb") as source,
        pytest.raises(originals.KeyFileError, match="outside"),
    ):
        originals.keep(inside, source)


def test_expired_is_not_missing(engine: Engine, home: Settings) -> None:
    for name, content in (("old.csv", b"old"), ("unread.csv", b"unread"), ("again.csv", b"again")):
        put(home, f"dapu/us/{name}", content)
    taken = {one.file_name: one for one in landing.take_in(engine, home, EXPORTERS)}
    later = NOW + timedelta(days=100)
    with transaction(engine) as c:
        for name in ("old.csv", "again.csv"):
            uploads.mark_read(c, taken[name].upload_id, "l", "template", "orders", {}, 0)
        again = uploads.receive(c, taken["again.csv"].sha256, "dapu", "eu", None, "x", 5, later)
        uploads.mark_read(c, again.upload_id, "l", "template", "orders", {}, 0)
        assert originals.mark_expired(c, later - timedelta(days=90)) == [taken["old.csv"].sha256]
        assert originals.state(c, home, taken["old.csv"].sha256) == "kept"
    with transaction(engine) as c:
        assert originals.remove(c, home) == 1
        assert originals.remove(c, home) == 0
        states = {name: originals.state(c, home, one.sha256) for name, one in taken.items()}
        assert states == {"old.csv": "expired", "unread.csv": "kept", "again.csv": "kept"}
        originals.place(home, taken["again.csv"].sha256).unlink()
        assert originals.state(c, home, taken["again.csv"].sha256) == "missing"
    put(home, "dapu/us/old.csv", b"old")
    landing.take_in(engine, home, EXPORTERS)
    with reading(engine) as c:
        assert originals.state(c, home, taken["old.csv"].sha256) == "kept"
        assert {row.original for row in queries.uploads(c)} == {"kept"}
