"""Files under the storage address (存储): the lake, manifests and reports.

One code for a local folder and for any fsspec address (``s3://…``). Locally a file is written
under a temporary name, flushed to the disk and renamed, so that a reader sees it whole or not
at all; object stores do the same by one put. A file without its registry row is garbage that
the next run replaces.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

TEMPORARY = ".writing-"

# Arrow's own allocator keeps what a block needed for the next one: a hundred megabytes of a
# process whose other blocks lie elsewhere.
pa.set_memory_pool(pa.system_memory_pool())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it survives a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Store:
    """Files under one address; parts of a path are given as separate texts."""

    def __init__(self, url: str) -> None:
        """A store at an fsspec URL (``file:///…``, ``s3://bucket/prefix``)."""
        self.root = UPath(url)
        self.local = self.root.protocol in ("", "file", "local")
        self._folder = Path(self.root.path)

    def path(self, *parts: str) -> UPath:
        """Where a file lies. Raises ValueError for a part that would leave the store."""
        return self.root.joinpath(*_plain(parts))

    def local_path(self, *parts: str) -> Path:
        """The same as a plain path. Raises ValueError when the store is not a local folder."""
        if not self.local:
            raise ValueError(f"{self.root} is not a local folder")
        return self._folder.joinpath(*_plain(parts))

    def write_bytes(self, parts: tuple[str, ...] | list[str], data: bytes) -> UPath:
        """Write a whole file, replacing what stood there."""
        target = self.path(*parts)
        if not self.local:
            target.write_bytes(data)
            return target
        place = Path(target.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f"{TEMPORARY}{os.getpid()}-{place.name}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(place.parent)
        return target

    def write_many(self, files: Mapping[tuple[str, ...], bytes]) -> None:
        """Write several whole files; all of them are on the disk when it returns.

        The disk is asked for all of them together: one by one would cost it twice as much.
        """
        if not self.local:
            for parts, data in files.items():
                self.write_bytes(parts, data)
            return
        opened: list[tuple[IO[bytes], Path, Path]] = []
        try:
            for parts, data in files.items():
                place = Path(self.path(*parts).path)
                place.parent.mkdir(parents=True, exist_ok=True)
                temporary = place.with_name(f"{TEMPORARY}{os.getpid()}-{place.name}")
                opened.append((temporary.open("wb"), temporary, place))
                opened[-1][0].write(data)
                opened[-1][0].flush()
            for file, temporary, place in opened:
                os.fsync(file.fileno())
                temporary.replace(place)
        finally:
            for file, temporary, _ in opened:
                file.close()
                temporary.unlink(missing_ok=True)
        for folder in sorted({place.parent for _, _, place in opened}):
            sync_folder(folder)

    def read_bytes(self, parts: tuple[str, ...] | list[str]) -> bytes:
        """A whole file. Raises FileNotFoundError."""
        data: bytes = self.path(*parts).read_bytes()
        return data

    def exists(self, *parts: str) -> bool:
        """Whether a file or folder stands there."""
        return bool(self.path(*parts).exists())

    def write_parquet(
        self,
        frame: pl.DataFrame,
        *parts: str,
        metadata: Mapping[str, str] | None = None,
        distinct: Collection[str] = (),
    ) -> UPath:
        """Write a table as Parquet (zstd); the same frame gives the same bytes.

        ``metadata`` are texts stored with the table's schema. ``distinct`` are columns whose
        values hardly repeat: a dictionary of them would cost more than all else, for a larger file.
        """
        table: Any = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        told = {key.encode(): value.encode() for key, value in sorted((metadata or {}).items())}
        table = table.replace_schema_metadata(told or None)
        sink = io.BytesIO()
        repeated = [name for name in frame.columns if name not in distinct]
        pq.write_table(table, sink, row_group_size=128 * 1024, use_dictionary=repeated, **_PARQUET)
        return self.write_bytes(parts, sink.getvalue())

    @contextmanager
    def write_blocks(self, *parts: str) -> Iterator["BlockWriter"]:
        """A table written block by block, one row group a block; it appears whole at the end.

        The same blocks give the same bytes. Nothing appears when the ``with`` raises; when
        its writer was told to ``discard``, or no block came, nothing stands there afterwards.
        """
        target = self.path(*parts)
        place = Path(target.path) if self.local else None
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside = place.with_name(f"{TEMPORARY}{os.getpid()}-{place.name}")
        else:
            # Object stores take a whole file at once: it waits here until it is whole.
            handle, name = tempfile.mkstemp(prefix=TEMPORARY)
            os.close(handle)
            aside = Path(name)
        try:
            with aside.open("wb") as file:
                writer = BlockWriter(file)
                try:
                    yield writer
                finally:
                    writer.close()
                file.flush()
                os.fsync(file.fileno())
            if writer.discarded or not writer.blocks:
                target.unlink(missing_ok=True)
            elif place is not None:
                aside.replace(place)
                sync_folder(place.parent)
            else:
                with aside.open("rb") as whole, target.open("wb") as put:
                    shutil.copyfileobj(whole, put, 1 << 20)
        finally:
            aside.unlink(missing_ok=True)

    @contextmanager
    def _opened(
        self, parts: tuple[str, ...], dictionaries: list[str] | None = None
    ) -> Iterator[pq.ParquetFile]:
        target = self.path(*parts)
        place: Any = Path(target.path) if self.local else target
        with (
            place.open("rb") as source,
            pq.ParquetFile(source, read_dictionary=dictionaries) as file,
        ):
            yield file

    def read_parquet(
        self,
        *parts: str,
        columns: list[str] | None = None,
        blocks: Sequence[int] | None = None,
    ) -> pl.DataFrame:
        """A table that was written here, or the given row groups of it. Raises FileNotFoundError."""
        if self.local:
            return self._read_local(parts, columns, blocks)
        with self._opened(parts) as file:
            if blocks is None:
                table = file.read(columns=columns)
            else:
                table = file.read_row_groups(list(blocks), columns=columns)
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _read_local(
        self, parts: tuple[str, ...], columns: list[str] | None, blocks: Sequence[int] | None
    ) -> pl.DataFrame:
        # Polars leaves texts that a table repeats where the file's dictionaries have them: a
        # sixth of what Arrow's reader costs. It reads no file but a local one by its blocks.
        scan = pl.scan_parquet(
            self.local_path(*parts), glob=False, hive_partitioning=False, use_statistics=False
        )
        scan = scan if columns is None else scan.select(columns)
        if blocks is None:
            return scan.collect()
        heights = self.block_rows(*parts)
        starts = [0, *accumulate(heights)]
        frames = [scan.slice(starts[one], heights[one]).collect() for one in blocks]
        return pl.concat(frames) if frames else scan.clear().collect()

    def block_rows(self, *parts: str) -> list[int]:
        """How many rows each row group of a table has. Raises FileNotFoundError."""
        with self._opened(parts) as file:
            told = file.metadata
            return [told.row_group(number).num_rows for number in range(file.num_row_groups)]

    def parquet_metadata(self, *parts: str) -> dict[str, str]:
        """The texts that were stored with a table."""
        with self._opened(parts) as file:
            schema = file.schema_arrow
        found: dict[bytes, bytes] = schema.metadata or {}
        return {
            key.decode(): value.decode()
            for key, value in found.items()
            if key not in (b"ARROW:schema", b"pandas")
        }

    def texts(self, *parts: str, columns: Collection[str]) -> dict[str, set[str]]:
        """Which texts stand in some of a table's columns; columns it lacks are left out.

        Read off the dictionaries of the file: no cell becomes a text.
        """
        with self._opened(parts) as file:
            there = [name for name in file.schema_arrow.names if name in columns]
        with self._opened(parts, dictionaries=there) as file:
            table = file.read(columns=there, use_threads=False)
        return {
            name: {text for one in column.chunks for text in one.dictionary.to_pylist()}
            for name, column in zip(table.column_names, table.columns, strict=True)
        }

    @contextmanager
    def write_folder(self, *parts: str) -> Iterator[Path]:
        """A folder that appears whole: fill the yielded path; it is renamed at the end.

        What stood there before (the remains of an earlier try) is replaced. When the block
        raises, nothing appears. Local stores only; raises ValueError elsewhere.
        """
        target = self.local_path(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            _flush(temporary)
            if target.exists():
                # A folder cannot be renamed onto a full one: the old one steps aside first.
                old = target.with_name(f"{TEMPORARY}{os.getpid()}-old-{target.name}")
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
                temporary.rename(target)
                shutil.rmtree(old)
            else:
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(target.parent)

    def sweep(self, *parts: str) -> int:
        """Remove what crashed writes left under a folder; how many."""
        folder = self.local_path(*parts) if parts else Path(self.root.path)
        left = sorted(folder.rglob(f"{TEMPORARY}*"), reverse=True) if folder.exists() else []
        for one in left:
            if one.is_dir():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink(missing_ok=True)
        return len(left)


class BlockWriter:
    """Appends blocks to a Parquet file, one row group each."""

    def __init__(self, sink: IO[bytes]) -> None:
        """A writer to an open file; ``Store.write_blocks`` makes them."""
        self._sink = sink
        self._file: pq.ParquetWriter | None = None
        self.blocks = 0
        self.discarded = False

    def write(self, frame: pl.DataFrame) -> None:
        """Append a block, also an empty one; all blocks have the columns of the first."""
        table: Any = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        if self._file is None:
            repeated = _repeated(frame)
            self._file = pq.ParquetWriter(
                self._sink, table.schema, **_PARQUET, use_dictionary=repeated
            )
        self._file.write_table(table, row_group_size=max(1, table.num_rows))
        self.blocks += 1

    def discard(self) -> None:
        """The table shall not appear, and none of an earlier try stay."""
        self.discarded = True

    def restart(self) -> None:
        """Throw away the blocks that were written and begin anew."""
        self.close()
        self._file, self.blocks = None, 0
        self._sink.seek(0)
        self._sink.truncate()

    def close(self) -> None:
        """Write the file's end."""
        if self._file is not None:
            self._file.close()


_PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_statistics": False,
}
"""Nothing here is looked up by a column's bounds: a block is known by its number."""

_SAMPLE = 4096
"""Cells of a column by which it is judged whether they repeat each other."""


def _repeated(frame: pl.DataFrame) -> list[str]:
    """The columns whose first cells repeat each other: a dictionary of others is made in vain."""
    head = frame.head(_SAMPLE)
    return [one.name for one in head if one.n_unique() * 2 <= len(one)]


def _plain(parts: Sequence[str]) -> Sequence[str]:
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
            raise ValueError(f"not a plain name in the store: {part!r}")
    return parts


def _flush(folder: Path) -> None:
    for one in sorted(folder.rglob("*"), reverse=True):
        if one.is_dir():
            sync_folder(one)
        else:
            with one.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)
