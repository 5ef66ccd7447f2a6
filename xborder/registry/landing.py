"""The landing zone (投递区): ``landing/<exporter>/<shop>/<file>``, where files come in.

A file is copied, encrypted, into the originals while its SHA-256 is taken; then it is
registered; then it leaves the landing zone. A crash between the last two leaves a file whose
marker the registry knows: the next call removes it and counts nothing twice. What is refused
here (unknown exporter or shop) is registered and kept all the same.

``landing/<exporter>/<file>`` stands for the exporter's only shop. Where it has several, the
upload's shop stays empty: goods and stock files need none, an order file must name it.
"""

import hashlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlalchemy import Engine

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.registry import originals, uploads
from xborder.registry.database import transaction
from xborder.registry.store import sync_folder
from xborder.settings import Settings

UNKNOWN_EXPORTER, UNKNOWN_SHOP = "UNKNOWN_EXPORTER", "UNKNOWN_SHOP"

HIDDEN = re.compile(r"\.|~\$|.*\.(?:part|partial|crdownload|tmp)\Z", re.IGNORECASE | re.DOTALL)
"""Names of files that are hidden or still being written."""

SUBMITTED = re.compile(r"@([a-z]*)@[0-9a-f]{16}@(.+)", re.ASCII | re.DOTALL)
"""A submitted file's name carries its kind and the start of its checksum before its own name."""

_NAME_BYTES = 160
_SHOP_CHARACTERS = 200
_DEEPEST = 32
"""Folders below the landing zone in which files are found; the profile knows one level."""


class _Shop(Protocol):
    @property
    def id(self) -> str: ...


class _Exporter(Protocol):
    @property
    def shops(self) -> Sequence[_Shop]: ...


@dataclass(frozen=True)
class Landed:
    """A file that lies in the landing zone: where, for whom, and as whose ``file_name``."""

    path: Path
    exporter: str
    shop: str
    kind: str | None
    file_name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Taken:
    """A file that was taken in. ``new``: its upload waits to be read; ``code``: why refused."""

    upload_id: int
    delivery_id: int
    sha256: str
    exporter: str
    shop: str
    kind: str | None
    file_name: str
    size: int
    new: bool
    code: str | None


def safe_name(name: str) -> str:
    """The user's name of a file in a form that is safe in paths, logs and tables.

    The last part only, composed (NFC), control and unpaired characters replaced, at most 160
    bytes with its extension kept.
    """
    base = re.split(r"[/\\]", name.replace("\0", ""))[-1]
    base = unicodedata.normalize("NFC", base.encode("utf-8", "replace").decode())
    base = "".join("_" if unicodedata.category(one)[0] == "C" else one for one in base)
    base = base.strip().lstrip(".~") or "file"
    stem, dot, extension = base.rpartition(".")
    if not dot or len(extension.encode()) > 12:
        stem, extension = base, ""
    room = _NAME_BYTES - len(extension.encode()) - 1
    stem = stem.encode()[:room].decode("utf-8", "ignore")
    return f"{stem}.{extension}" if extension else stem


def submit(
    settings: Settings,
    files: Iterable[Path],
    exporter: str,
    shop: str = "",
    kind: str | None = None,
) -> list[Path]:
    """Put files into the landing zone; each appears there whole. Where they lie now.

    Raises ValueError for an exporter or shop that is not a plain folder name or an unknown
    kind, and OSError for a file that cannot be read.
    """
    put = []
    for file in files:
        with Path(file).open("rb") as source:
            put.append(submit_stream(settings, source, file.name, exporter, shop, kind))
    return put


def submit_stream(
    settings: Settings,
    source: BinaryIO,
    file_name: str,
    exporter: str,
    shop: str = "",
    kind: str | None = None,
) -> Path:
    """The same for bytes that come from elsewhere, e.g. from the page's form."""
    for name in (exporter, *([shop] if shop else [])):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name, re.ASCII):
            raise ValueError(f"not a folder of the landing zone: {name!r}")
    if kind is not None and kind not in uploads.KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(uploads.KINDS)}")
    folder = settings.landing / exporter / shop if shop else settings.landing / exporter
    return put(folder, source, file_name, kind)


def put(folder: Path, source: BinaryIO, file_name: str, kind: str | None = None) -> Path:
    """Copy bytes into a folder from which files are taken in; the file appears there whole."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".landing-{os.getpid()}-{secrets.token_hex(8)}"
    digest = hashlib.sha256()
    try:
        with aside.open("xb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        # From the content, not by chance: files are taken in by name, and a re-run elsewhere
        # must take them in the same order.
        token = digest.hexdigest()[:16]
        final = folder / f"@{kind or ''}@{token}@{safe_name(file_name)}"
        aside.replace(final)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(folder)
    return final


def look(settings: Settings) -> list[Landed]:
    """The files that lie in the landing zone, by exporter, shop and name.

    Hidden and temporary names (``.*``, ``~$*``, ``*.part``) are left alone, and so is all
    that is not a plain file: links are never followed.
    """
    root = settings.landing
    found = [one for one in _walk(root, ()) if one is not None]
    return sorted(
        found, key=lambda one: (one.exporter, one.shop, one.file_name, os.fsencode(one.path))
    )


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Landed | None]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, PermissionError):
        # Gone, or not for us to read: what is there stays in sight.
        return
    for entry in entries:
        if HIDDEN.match(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False) and len(above) < _DEEPEST:
            yield from _walk(Path(entry.path), (*above, entry.name))
        elif entry.is_file(follow_symlinks=False):
            yield _landed(entry, above)


def _landed(entry: os.DirEntry[str], above: tuple[str, ...]) -> Landed | None:
    try:
        told = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    submitted = SUBMITTED.fullmatch(entry.name)
    kind = submitted[1] if submitted and submitted[1] in uploads.KINDS else None
    name = submitted[2] if submitted and (not submitted[1] or kind) else entry.name
    exporter, *below = above or ("",)
    return Landed(
        path=Path(entry.path),
        exporter=_plain(exporter),
        shop=_plain("/".join(below))[:_SHOP_CHARACTERS],
        kind=kind,
        file_name=safe_name(name),
        size=told.st_size,
        mtime_ns=told.st_mtime_ns,
    )


def _plain(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return "".join("_" if unicodedata.category(one)[0] == "C" else one for one in text)


def waiting(settings: Settings) -> dict[str, tuple[int, int]]:
    """Size and modification time (ns) of each file that lies in the landing zone, by path.

    A file has settled when two looks some seconds apart tell the same of it.
    """
    root = settings.landing
    return {_told(one.path, root): (one.size, one.mtime_ns) for one in look(settings)}


def _told(path: Path, root: Path) -> str:
    return os.fsencode(path.relative_to(root)).decode("utf-8", "replace")


def settled(settings: Settings, marks: Iterable[str]) -> list[Landed]:
    """The files that lie in the landing zone as they did when these marks were taken."""
    wanted = set(marks)
    root = settings.landing
    return [
        one
        for one in look(settings)
        if mark(_told(one.path, root), one.size, one.mtime_ns) in wanted
    ]


def mark(path: str, size: int, mtime_ns: int) -> str:
    """A file as ``waiting`` tells of it, in few characters and without its name."""
    return hashlib.sha256(f"{path}\0{size}\0{mtime_ns}".encode()).hexdigest()[:20]


def take_in(
    engine: Engine,
    settings: Settings,
    exporters: Mapping[str, _Exporter],
    *,
    day: date | None = None,
    landed: Iterable[Landed] | None = None,
    waiting_for: Container[str] = (),
) -> list[Taken]:
    """Take files in, by exporter, shop and name: all that lie there, or those of ``landed``.

    A file that changes while it is copied stays for the next time, and so does one that
    cannot be opened, or whose exporter is in ``waiting_for`` (its profile has errors).
    ``day`` is the business day the uploads belong to, by default the clock's.
    Raises ``originals.KeyFileError``.
    """
    files = look(settings) if landed is None else list(landed)
    files = [one for one in files if one.exporter not in waiting_for]
    done = []
    for file in files:
        taken = _take(engine, settings, exporters, file, day)
        if taken is not None:
            done.append(taken)
    return done


def _take(
    engine: Engine,
    settings: Settings,
    exporters: Mapping[str, _Exporter],
    file: Landed,
    day: date | None,
) -> Taken | None:
    try:
        # Not blocking, because a pipe may have taken the file's place meanwhile.
        handle = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        # Gone, a link, or unreadable: what is there stays in sight.
        return None
    with os.fdopen(handle, "rb") as source:
        before = os.fstat(source.fileno())
        if not stat.S_ISREG(before.st_mode):
            return None
        kept = originals.keep(settings, source, before.st_size)
        if not _same(before, os.fstat(source.fileno())) or kept.size != before.st_size:
            return None
    crash_point("original-kept")
    shop, code = _address(exporters, file)
    with transaction(engine) as c:
        if not originals.place(settings, kept.sha256).exists():
            # It expired between; the next look keeps it anew.
            return None
        at = clock.now()
        marker = _marker(settings, file, before, kept.sha256)
        received = uploads.receive(
            c,
            kept.sha256,
            file.exporter,
            shop,
            file.kind,
            file.file_name,
            kept.size,
            at,
            marker=marker,
            business_date=day,
        )
        if code and received.new and received.counted:
            uploads.refuse(c, received.upload_id, code)
    crash_point("upload-registered")
    _leave(file.path, before)
    if not received.counted:
        return None
    return Taken(
        upload_id=received.upload_id,
        delivery_id=received.delivery_id,
        sha256=kept.sha256,
        exporter=file.exporter,
        shop=shop,
        kind=file.kind,
        file_name=file.file_name,
        size=kept.size,
        new=received.new and code is None,
        code=code,
    )


def _address(exporters: Mapping[str, _Exporter], file: Landed) -> tuple[str, str | None]:
    """The shop a file belongs to, and the code by which it is refused."""
    profile = exporters.get(file.exporter)
    if profile is None:
        return file.shop, UNKNOWN_EXPORTER
    if not file.shop:
        return (profile.shops[0].id if len(profile.shops) == 1 else ""), None
    known = any(one.id == file.shop for one in profile.shops)
    return file.shop, None if known else UNKNOWN_SHOP


def _marker(settings: Settings, file: Landed, told: os.stat_result, sha256: str) -> str:
    """What this very file is: the same bytes, handed in again, are another file."""
    where = os.fsencode(file.path.relative_to(settings.landing))
    facts = (told.st_dev, told.st_ino, told.st_mtime_ns, told.st_ctime_ns, told.st_size, sha256)
    return hashlib.sha256(where + repr(facts).encode()).hexdigest()


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    names = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _leave(path: Path, told: os.stat_result) -> None:
    """Remove a file that is registered, unless another has taken its place."""
    try:
        if _same(told, path.lstat()):
            path.unlink()
            sync_folder(path.parent)
    except OSError:
        # Gone, or a folder that lets nothing be removed: the registry knows the file's marker.
        return
