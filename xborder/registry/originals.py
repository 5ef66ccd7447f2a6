"""Originals (原件): the files as they were handed in, encrypted at rest, for a set time.

They hold personal data. Each lies as ``uploads/<sha[:2]>/<sha>.age`` in the home, encrypted by
age (X25519) while it is copied; the key lies outside the home, so that a copy of the home alone
tells nothing. After ``originals_days`` they are removed and known as *expired*; one that is gone
without that is *missing*.
"""

import hashlib
import io
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Any, BinaryIO, cast

from pyrage import DecryptError, decrypt_io, encrypt_io, x25519
from sqlalchemy import Connection, Engine, exists, select, update

from xborder.registry import audit
from xborder.registry.database import transaction
from xborder.registry.store import TEMPORARY, sync_folder
from xborder.registry.tables import deliveries, uploads
from xborder.settings import Settings

_BEGIN = b"age-encryption.org/v1\n"

BUFFER = 1 << 18
"""Bytes between a file and the cipher, which reads and writes eight thousand at a time."""

LEAST_AT_HAND = 4 << 20
"""Bytes of a file of which a plain copy stays at hand: a smaller one is soon decrypted."""

ROOM_AT_HAND = 8
"""Such copies take no more of the disk than this part of what is free."""

KEPT, EXPIRED, MISSING = "kept", "expired", "missing"


class KeyFileError(RuntimeError):
    """The key of the originals cannot be used as it lies."""


@dataclass(frozen=True)
class Kept:
    """An original that lies encrypted: SHA-256 (hex) of its plain bytes, and how many."""

    sha256: str
    size: int


def folder(settings: Settings) -> Path:
    """Where the originals of a home lie."""
    return settings.home / "uploads"


def place(settings: Settings, sha256: str) -> Path:
    """Where one original lies, or lay."""
    return folder(settings) / sha256[:2] / f"{sha256}.age"


def _identity(settings: Settings) -> x25519.Identity:
    """The key; made when neither it nor any original is there.

    Raises KeyFileError when it would lie in the home, when it is no age key, or when it is
    gone while originals need it: a new key would hide that they can no longer be read.
    """
    key = settings.key
    if key.resolve().is_relative_to(settings.home.resolve()):
        raise KeyFileError(f"the key file {key} must lie outside the home {settings.home}")
    if not key.exists():
        if next(folder(settings).glob("*/*.age"), None) is not None:
            raise KeyFileError(
                f"the key file {key} is missing, and originals in {folder(settings)} need it: "
                "bring it back, or remove those files"
            )
        write_key(key, str(x25519.Identity.generate()))
    lines = key.read_text("utf-8").splitlines()
    try:
        return x25519.Identity.from_str(next(one for one in lines if one.startswith("AGE-")))
    except (StopIteration, ValueError) as error:
        raise KeyFileError(f"the key file {key} holds no age identity") from error


def write_key(key: Path, text: str) -> None:
    """Make a key file that nobody else reads; one that is there stays as it is."""
    # Written aside and linked into place: a second process sees no key or a whole one, and a
    # key that is there is never written over.
    key.parent.mkdir(parents=True, exist_ok=True)
    aside = key.with_name(f".{key.name}.{secrets.token_hex(8)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            key.hardlink_to(aside)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    sync_folder(key.parent)


class _Hashing(io.RawIOBase):
    """A reader that hashes, counts and perhaps copies what passes."""

    def __init__(self, source: BinaryIO, copy: BinaryIO | None = None) -> None:
        self.source: Any = source
        self.digest = hashlib.sha256()
        self.size = 0
        self.copy = copy

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        size = int(self.source.readinto(into))
        self.digest.update(into[:size])
        self.size += size
        if self.copy is not None:
            try:
                self.copy.write(into[:size])
            except OSError:
                # No room: it is the original that counts, and that tells of a full disk by itself.
                self.copy = None
        return size


class _AtHand:
    """Plain copies of originals that this process has just kept, until it reads them.

    To encrypt a file and to decrypt it a minute later would be two thirds of what taking it in
    costs. A copy is what ``open_plain`` makes too, a file without a name; it counts only while
    the original is the file that was written then, and the key the one it was written for.
    """

    def __init__(self) -> None:
        self._held: dict[Path, tuple[tuple[object, ...], BinaryIO]] = {}
        self._bytes = 0

    def begin(self, into: Path, size: int) -> BinaryIO | None:
        """A file for a copy of so many bytes; None for few, or where the disk has no room."""
        if size < LEAST_AT_HAND or size + self._bytes > disk_usage(into).free // ROOM_AT_HAND:
            return None
        return cast("BinaryIO", tempfile.TemporaryFile("w+b", BUFFER, dir=into))

    def put(self, settings: Settings, original: Path, copy: BinaryIO) -> None:
        """Hold the copy of an original that was written just now."""
        with suppress(OSError):
            copy.flush()
            self._bytes += copy.tell()
            self._held[original] = (_facts(settings, original), copy)

    def take(self, settings: Settings, original: Path) -> BinaryIO | None:
        """The copy of an original, handed over: it is held no longer."""
        facts, copy = self._held.pop(original, (None, None))
        if copy is None:
            return None
        self._bytes -= copy.seek(0, os.SEEK_END)
        if facts != _facts(settings, original):
            copy.close()
            return None
        copy.seek(0)
        return copy

    def let_go(self) -> None:
        """Hold none any more."""
        while self._held:
            _, (_, copy) = self._held.popitem()
            copy.close()
        self._bytes = 0


AT_HAND = _AtHand()


def _facts(settings: Settings, original: Path) -> tuple[object, ...]:
    """What the file of an original is, and whose key opens it. Raises FileNotFoundError."""
    told = original.stat()
    place = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)
    return (*place, str(_identity(settings).to_public()))


def keep(settings: Settings, source: BinaryIO, size: int = 0) -> Kept:
    """Copy a file into the originals, encrypted, and flush it to the disk.

    Bytes that lie there already are not written again. Of a large file, by its ``size``, the
    plain bytes stay at hand for its reading. Raises KeyFileError.
    """
    root = folder(settings)
    root.mkdir(parents=True, exist_ok=True)
    passing = _Hashing(source, AT_HAND.begin(root, size))
    aside = _encrypted(settings, io.BufferedReader(passing, BUFFER), root)
    try:
        kept = Kept(passing.digest.hexdigest(), passing.size)
        target = place(settings, kept.sha256)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            aside.replace(target)
            sync_folder(target.parent)
            sync_folder(root)
            if passing.copy is not None:
                AT_HAND.put(settings, target, passing.copy)
    finally:
        aside.unlink(missing_ok=True)
    return kept


def _encrypted(settings: Settings, source: BinaryIO, into: Path) -> Path:
    """A file's bytes, encrypted and flushed, under a temporary name in a folder."""
    identity = _identity(settings)
    into.mkdir(parents=True, exist_ok=True)
    aside = into / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with aside.open("xb", BUFFER) as file:
            encrypt_io(source, file, [identity.to_public()])
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def seal(settings: Settings, data: bytes, target: Path) -> None:
    """Write bytes to a file of their own, encrypted like an original. Raises KeyFileError."""
    _encrypted(settings, io.BytesIO(data), target.parent).replace(target)
    sync_folder(target.parent)


def unseal(settings: Settings, source: Path) -> bytes:
    """What was sealed. Raises as ``open_plain``."""
    with _opened(settings, source, source.stem) as plain:
        return plain.read()


def open_plain(settings: Settings, sha256: str) -> BinaryIO:
    """The plain bytes of an original, in a temporary file that has no name.

    Raises FileNotFoundError when it is not there, UnreadableError when it was damaged, and
    KeyFileError, also when the key is not the one it was encrypted for.
    """
    original = place(settings, sha256)
    return AT_HAND.take(settings, original) or _opened(settings, original, sha256)


def _opened(settings: Settings, source: Path, name: str) -> BinaryIO:
    with source.open("rb", BUFFER) as file:
        if not file.read(len(_BEGIN)) == _BEGIN:
            raise UnreadableError(f"the original {name} is damaged")
        file.seek(0)
        identity = _identity(settings)
        opened = tempfile.TemporaryFile("w+b", BUFFER, dir=source.parent)  # noqa: SIM115 - handed on
        plain = cast("BinaryIO", opened)
        try:
            decrypt_io(file, plain, [identity])
            plain.seek(0)
        except BaseException as error:
            plain.close()
            if isinstance(error, DecryptError) and "No matching keys" in str(error):
                raise KeyFileError(f"{settings.key} is not the key of the originals") from error
            # The library tells damage by an OSError without a number; a full disk has one.
            if isinstance(error, DecryptError) or (
                isinstance(error, OSError) and error.errno is None
            ):
                raise UnreadableError(f"the original {name} is damaged") from error
            raise
    return plain


class UnreadableError(RuntimeError):
    """An original is damaged: it must be handed in again."""


def set_aside(settings: Settings, sha256: str) -> None:
    """Move a damaged original out of the way of the same bytes handed in again."""
    with suppress(FileNotFoundError):
        damaged = place(settings, sha256)
        damaged.replace(damaged.with_suffix(".damaged"))


def intact(settings: Settings, sha256: str) -> bool:
    """Whether a kept original can be decrypted and is what it was."""
    try:
        with open_plain(settings, sha256) as plain:
            passing = _Hashing(plain)
            while passing.read(BUFFER):
                pass
            return passing.digest.hexdigest() == sha256
    except (OSError, UnreadableError):
        return False


def state(c: Connection, settings: Settings, sha256: str) -> str:
    """Whether an original is ``kept``, ``expired`` (its time was over) or ``missing``."""
    if place(settings, sha256).exists():
        return KEPT
    states = c.scalars(select(uploads.c.original).where(uploads.c.sha256 == sha256)).all()
    return EXPIRED if states and set(states) == {EXPIRED} else MISSING


def expire(engine: Engine, settings: Settings, now: datetime) -> int:
    """Remove originals whose time (``originals_days``) is over; how many there were."""
    with transaction(engine) as c:
        mark_expired(c, now - timedelta(days=settings.originals_days))
        return remove(c, settings)


def mark_expired(c: Connection, before: datetime) -> list[str]:
    """Mark originals whose last delivery lies before an instant and that need no reading.

    Returns their SHA-256; ``remove`` the files after the transaction: a crash between leaves
    files that the next ``remove`` finds by their mark.
    """
    other = uploads.alias()
    recent = exists().where(
        other.c.sha256 == uploads.c.sha256,
        deliveries.c.upload_id == other.c.id,
        deliveries.c.received_at >= before,
    )
    unread = exists().where(other.c.sha256 == uploads.c.sha256, other.c.state == "landed")
    due = select(uploads.c.sha256).where(uploads.c.original == KEPT, ~recent, ~unread)
    found = sorted(set(c.scalars(due)))
    for sha256 in found:
        c.execute(update(uploads).where(uploads.c.sha256 == sha256).values(original=EXPIRED))
    if found:
        audit.append(c, "originals expired", "originals", {"sha256": found})
    return found


def remove(c: Connection, settings: Settings) -> int:
    """Remove the files of expired originals; how many there were.

    In a writer's transaction, so that bytes handed in again meanwhile are not removed.
    """
    gone = 0
    for sha256 in c.scalars(select(uploads.c.sha256).where(uploads.c.original == EXPIRED)):
        target = place(settings, sha256)
        if target.exists():
            target.unlink()
            gone += 1
    return gone
