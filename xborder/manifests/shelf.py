"""Where the files of a manifest wait (暂放), whole and flushed, until it is their turn.

Locally that is a hidden folder beside the manifests: writing takes long, and the registry's one
writer need not wait for it; a rename into place takes no time. What a killed run left there is
removed by the next one. An object store takes a file as a whole: there they wait in memory.
"""

import fcntl
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xborder.manifests import content, package
from xborder.registry.store import TEMPORARY, Store, sync_folder

_PREFIX = f"{TEMPORARY}run-"

_TOGETHER = 64
"""Files that are open at a time, while the disk takes them."""


@dataclass(frozen=True)
class Kept:
    """The files of a manifest and their ZIP: ``folder`` has both, or ``files`` and ``archive``."""

    sha256: str
    folder: Path | None = None
    files: package.Files | None = None
    archive: bytes = b""

    def put_folder(self, store: Store, place: tuple[str, ...]) -> None:
        """Put the manifest's folder in place; what an earlier try left there is replaced.

        Of a local store, the folder in which it stands is still to be flushed: ``settle``.
        """
        if self.folder is not None:
            target = store.local_path(*place)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                # A folder cannot be renamed onto a full one: the old one steps aside first.
                target.rename(self.folder / "before")
            (self.folder / "files").rename(target)
        for name, data in (self.files or {}).items():
            store.write_bytes((*place, name), bytes(data))

    def put_archive(self, store: Store, place: tuple[str, ...]) -> None:
        """Put its ZIP in place, likewise."""
        if self.folder is None:
            store.write_bytes(place, self.archive)
            return
        target = store.local_path(*place)
        (self.folder / "archive").replace(target)
        shutil.rmtree(self.folder)


@dataclass(frozen=True)
class Shelf:
    """A run's own place for files that wait; None: in memory."""

    folder: Path | None

    def keep(self, number: str, files: package.Files) -> Kept:
        """Keep a manifest's files and the ZIP that is made of them."""
        if self.folder is None:
            sink = io.BytesIO()
            package.archive(number, files, sink)
            whole = sink.getvalue()
            return Kept(package.digest(whole), files=files, archive=whole)
        folder = self.folder / number
        (folder / "files").mkdir(parents=True)
        _write(folder / "files", files)
        with (folder / "archive").open("w+b") as file:
            package.archive(number, files, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            return Kept(hashlib.file_digest(file, "sha256").hexdigest(), folder=folder)


def settle(store: Store, places: Iterable[tuple[str, ...]]) -> None:
    """Flush the folders in which some were put, each once: then a power loss undoes nothing."""
    if store.local:
        for folder in {store.local_path(*place).parent for place in places}:
            sync_folder(folder)


def _write(folder: Path, files: package.Files) -> None:
    """Write files and flush them. The disk takes all at a time, instead of one after another."""
    named = list(files.items())
    for start in range(0, len(named), _TOGETHER):
        handles: list[int] = []
        try:
            for name, data in named[start : start + _TOGETHER]:
                handles.append(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(handles[-1], rest) :]
            for one in handles if hasattr(os, "posix_fadvise") else ():
                # Nobody reads it soon: writing begins now, and is not waited for.
                os.posix_fadvise(one, 0, 0, os.POSIX_FADV_DONTNEED)
            for one in handles:
                os.fsync(one)
        finally:
            for one in handles:
                os.close(one)
    sync_folder(folder)


@contextmanager
def aside(store: Store) -> Iterator[Shelf]:
    """A shelf for this run; it is empty again at the end."""
    if not store.local:
        yield Shelf(None)
        return
    root = store.local_path(content.FOLDER)
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder, handle = _locked(root)
    try:
        yield Shelf(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _locked(root: Path) -> tuple[Path, int]:
    """A new folder, locked as long as this process lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        # Another run may take it for a dead one's before it is opened, or before it is locked.
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        if folder.exists():
            return folder, handle
        os.close(handle)


def _sweep(root: Path) -> None:
    """Remove the shelves of runs that were killed: nobody locks them."""
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
