"""Files of the lake: whole or not there, and the same bytes for the same table."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from xborder.registry.store import Store

FRAME = pl.DataFrame(
    {"order_no": ["1", None, "三"], "qty": [Decimal("1.50"), Decimal("2"), None], "n": [1, 2, 3]},
    schema={"order_no": pl.String, "qty": pl.Decimal(38, 10), "n": pl.UInt32},
)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A local store, and one behind fsspec."""
    if request.param == "memory":
        return Store(f"memory://{tmp_path.name}")
    return Store(tmp_path.as_uri())


def test_a_table_comes_back_as_it_went(store: Store) -> None:
    store.write_parquet(FRAME, "a", "x.parquet", metadata={"check": "7"})
    assert store.read_parquet("a", "x.parquet").equals(FRAME)
    assert store.read_parquet("a", "x.parquet").schema == FRAME.schema
    assert store.read_parquet("a", "x.parquet", columns=["n"]).columns == ["n"]
    assert store.parquet_metadata("a", "x.parquet") == {"check": "7"}
    assert store.exists("a", "x.parquet")
    assert not store.exists("a", "y.parquet")
    with pytest.raises(FileNotFoundError):
        store.read_parquet("a", "y.parquet")


def test_several_files_are_written_together(store: Store) -> None:
    store.write_bytes(("a", "2"), b"old")
    store.write_many({("a", "1"): b"one", ("a", "2"): b"two", ("b", "3"): b""})
    store.write_many({})
    told = [store.read_bytes(parts) for parts in (("a", "1"), ("a", "2"), ("b", "3"))]
    assert told == [b"one", b"two", b""]


def test_of_several_files_none_is_half_written(tmp_path: Path) -> None:
    store = Store(tmp_path.as_uri())
    (tmp_path / "b").write_text("no folder")
    with pytest.raises(OSError):
        store.write_many({("a", "1"): b"one", ("b", "3"): b"three"})
    assert [one.name for one in tmp_path.rglob("*")] in (["a", "b"], ["b", "a"])


def test_the_same_table_is_the_same_bytes(store: Store) -> None:
    store.write_parquet(FRAME, "a.parquet", metadata={"x": "1", "a": "2"})
    store.write_parquet(
        pl.concat([FRAME[:1], FRAME[1:]]), "b.parquet", metadata={"a": "2", "x": "1"}
    )
    assert store.read_bytes(("a.parquet",)) == store.read_bytes(("b.parquet",))


def test_a_table_grows_block_by_block(store: Store) -> None:
    for name in ("a.parquet", "b.parquet"):
        with store.write_blocks("t", name) as table:
            for block in (FRAME, FRAME[:0], FRAME[1:]):
                table.write(block)
            assert not store.exists("t", name)
    assert store.read_bytes(("t", "a.parquet")) == store.read_bytes(("t", "b.parquet"))
    assert store.block_rows("t", "a.parquet") == [3, 0, 2]
    assert store.read_parquet("t", "a.parquet", blocks=[2]).equals(FRAME[1:])
    assert store.read_parquet("t", "a.parquet", blocks=[1]).equals(FRAME[:0])
    assert store.read_parquet("t", "a.parquet").equals(pl.concat([FRAME, FRAME[1:]]))


def test_a_table_of_blocks_appears_whole_or_not_at_all(store: Store) -> None:
    where = ("t", "a.parquet")
    with pytest.raises(InterruptedError), store.write_blocks(*where) as table:
        table.write(FRAME)
        raise InterruptedError
    assert not store.exists(*where)
    with store.write_blocks(*where) as table:
        table.write(FRAME)
        table.restart()
        table.write(FRAME[:1])
    assert store.read_parquet(*where).equals(FRAME[:1])
    with store.write_blocks(*where) as table:
        table.write(FRAME)
        table.discard()
    assert not store.exists(*where)
    if store.local:
        assert list(store.local_path("t").iterdir()) == []


@pytest.mark.parametrize("part", ["..", "", ".", "a/b", "a\\b", "a\0b"])
def test_a_name_cannot_leave_the_store(store: Store, part: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        store.write_bytes(("a", part), b"")


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path.as_uri())
    store.write_bytes(("a", "x"), b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.write_bytes(("a", "x"), b"new")
    assert store.read_bytes(("a", "x")) == b"old"
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["x"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path.as_uri())
    with pytest.raises(InterruptedError), store.write_folder("m", "one") as folder:
        (folder / "a").write_bytes(b"1")
        raise InterruptedError
    assert not store.exists("m", "one")
    for content in (b"1", b"2"):
        with store.write_folder("m", "one") as folder:
            assert not store.local_path("m", "one").exists() or content == b"2"
            (folder / "sub").mkdir()
            (folder / "sub" / "a").write_bytes(content)
    assert (store.local_path("m", "one") / "sub" / "a").read_bytes() == b"2"
    assert [one.name for one in (tmp_path / "m").iterdir()] == ["one"]
    (tmp_path / "m" / ".writing-1-two").mkdir()
    assert store.sweep("m") == 1
    with pytest.raises(ValueError, match="not a local"), Store("memory://x").write_folder("a"):
        pass
