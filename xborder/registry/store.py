"""Files under the storage address (存储): the lake, manifests and reports.

One code for a local folder and for any fsspec address (``s3://…``). Locally a file is written
under a temporary name, flushed to the disk and renamed, so that a reader sees it whole or not
at all; object stores do the same by one put. A file without its registry row is garbage that
the next run replaces.
"""

import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

TEMPORARY = ".writing-"


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

    def path(self, *parts: str) -> UPath:
        """Where a file lies. Raises ValueError for a part that would leave the store."""
        for part in parts:
            if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
                raise ValueError(f"not a plain name in the store: {part!r}")
        return self.root.joinpath(*parts)

    def local_path(self, *parts: str) -> Path:
        """The same as a plain path. Raises ValueError when the store is not a local folder."""
        if not self.local:
            raise ValueError(f"{self.root} is not a local folder")
        return Path(self.path(*parts).path)

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

    def read_bytes(self, parts: tuple[str, ...] | list[str]) -> bytes:
        """A whole file. Raises FileNotFoundError."""
        data: bytes = self.path(*parts).read_bytes()
        return data

    def exists(self, *parts: str) -> bool:
        """Whether a file or folder stands there."""
        return bool(self.path(*parts).exists())

    def write_parquet(
        self, frame: pl.DataFrame, *parts: str, metadata: Mapping[str, str] | None = None
    ) -> UPath:
        """Write a table as Parquet (zstd); the same frame gives the same bytes.

        ``metadata`` are texts stored with the table's schema.
        """
        table: Any = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        told = {key.encode(): value.encode() for key, value in sorted((metadata or {}).items())}
        table = table.replace_schema_metadata(told or None)
        sink = io.BytesIO()
        pq.write_table(
            table, sink, compression="zstd", compression_level=3, row_group_size=128 * 1024
        )
        return self.write_bytes(parts, sink.getvalue())

    def read_parquet(self, *parts: str, columns: list[str] | None = None) -> pl.DataFrame:
        """A table that was written here. Raises FileNotFoundError."""
        source = pa.BufferReader(self.read_bytes(parts))
        frame = pl.from_arrow(pq.read_table(source, columns=columns))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def parquet_metadata(self, *parts: str) -> dict[str, str]:
        """The texts that were stored with a table."""
        schema = pq.read_schema(pa.BufferReader(self.read_bytes(parts)))
        found: dict[bytes, bytes] = schema.metadata or {}
        return {
            key.decode(): value.decode()
            for key, value in found.items()
            if key not in (b"ARROW:schema", b"pandas")
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


def _flush(folder: Path) -> None:
    for one in sorted(folder.rglob("*"), reverse=True):
        if one.is_dir():
            sync_folder(one)
        else:
            with one.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)
