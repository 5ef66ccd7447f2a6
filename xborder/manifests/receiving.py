"""The inbox (收件箱): receipt files → kept originals → receipts → states of the documents.

``inbox/<file>`` is everybody's, ``inbox/<exporter>/<file>`` that exporter's own. A file is read,
kept as it came, and entered with what it changes in one transaction (several small files share
one); only then does it leave the inbox. A crash before leaves the file there, a crash after is
seen by its checksum: nothing is lost or counted twice. What cannot be read goes to quarantine,
encrypted, because nobody knows what it holds; receipts themselves hold no buyer's data.

* ``receipts/<aa>/<sha256>.xml`` in the store: receipt files that were read
* ``quarantine/<aa>/<sha256>.age`` in the home: the others
"""

import gc
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from xborder.crashpoints import crash_point
from xborder.manifests import receipt_reader
from xborder.manifests.consolidation import results
from xborder.registry import (
    consolidations,
    filings,
    landing,
    lists,
    manifests,
    originals,
    receipts,
    reinstatements,
)
from xborder.registry.customs_states import Rules
from xborder.registry.database import reading, transaction
from xborder.registry.home import Home
from xborder.registry.receipt_matching import Matching
from xborder.registry.receipts import Applied, Came
from xborder.registry.standings import Moved
from xborder.registry.store import sync_folder
from xborder.settings import Settings

FOLDER, QUARANTINE = "receipts", "quarantine"

UNKNOWN_KIND = "RECEIPT_KIND_UNKNOWN"

MOST_FILES, MOST_ANSWERS = 500, 20_000
"""Files and answers that one transaction takes."""

MOST_BYTES = 32 << 20
"""Of files that are kept together."""

STILL_SECONDS = 1.0
"""A file that changes within this time is still being written, and waits for the next look."""


@dataclass(frozen=True)
class Waiting:
    """A file in the inbox: whose (empty: everybody's), its own name, size and time (ns)."""

    path: Path
    exporter: str
    file_name: str
    size: int
    mtime_ns: int


def inbox(settings: Settings) -> Path:
    """The inbox of a home."""
    return settings.home / "inbox"


def submit(settings: Settings, files: Iterable[Path], exporter: str = "") -> list[Path]:
    """Put receipt files into the inbox; each appears there whole. Where they lie now.

    Raises OSError for a file that cannot be read.
    """
    put = []
    for file in files:
        with Path(file).open("rb") as source:
            put.append(landing.put(inbox(settings) / exporter, source, file.name))
    return put


def look(settings: Settings) -> list[Waiting]:
    """The files in the inbox, by exporter and name; hidden and temporary names are left alone,
    links are never followed, and folders below an exporter's are not looked into."""
    root = inbox(settings)
    found = [*_files(root, "")]
    for entry in _entries(root):
        if entry.is_dir(follow_symlinks=False):
            found += _files(Path(entry.path), entry.name)
    return sorted(found, key=lambda one: (one.exporter, one.file_name, os.fsencode(one.path)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [one for one in entries if not landing.HIDDEN.match(one.name)]
    except (FileNotFoundError, PermissionError):
        return []


def _files(folder: Path, exporter: str) -> Iterator[Waiting]:
    for entry in _entries(folder):
        try:
            if not entry.is_file(follow_symlinks=False):
                continue
            told = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        submitted = landing.SUBMITTED.fullmatch(entry.name)
        name = landing.safe_name(submitted[2] if submitted else entry.name)
        yield Waiting(Path(entry.path), exporter, name, told.st_size, told.st_mtime_ns)


def waiting(settings: Settings) -> dict[str, tuple[int, int]]:
    """Size and modification time (ns) of each file in the inbox, by path."""
    root = inbox(settings)
    return {_named(one, root): (one.size, one.mtime_ns) for one in look(settings)}


def settled(settings: Settings, marks: Iterable[str]) -> list[Waiting]:
    """The files that lie in the inbox as they did when these marks (``landing.mark``) were taken."""
    wanted, root = set(marks), inbox(settings)
    return [
        one
        for one in look(settings)
        if landing.mark(_named(one, root), one.size, one.mtime_ns) in wanted
    ]


def _named(one: Waiting, root: Path) -> str:
    return os.fsencode(one.path.relative_to(root)).decode("utf-8", "replace")


def standing_still(settings: Settings, seconds: float = STILL_SECONDS) -> list[Waiting]:
    """The files that two looks, so far apart, tell the same of; none is being written."""
    before = set(look(settings))
    if before and seconds:
        time.sleep(seconds)
    return [one for one in look(settings) if one in before]


def receive(home: Home, files: Sequence[Waiting]) -> Applied:
    """Take receipt files in, by exporter and name, and apply what they say.

    A file that changes meanwhile stays for the next time. First comes what waited for its
    document or its time (``take_up``). Raises ``originals.KeyFileError``.
    """
    with _uncollected():
        return _receive(home, files)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of answers at once, none of which refers to itself: looking for such among them
    again and again would be a fifth of the work."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _receive(home: Home, files: Sequence[Waiting]) -> Applied:
    rules, with_ = Rules(home.tables), matching(home)
    done, answered = take_up(home), False
    for portion in _portions(home, files):
        told_702 = any(one.kind == "702" for came, _, _ in portion for one in came.answers)
        answered = answered or told_702
        with transaction(home.engine) as c:
            applied = receipts.take(c, rules, [came for came, _, _ in portion], with_)
            _follow(c, home, applied.moved, applications=told_702)
            results.take_in(c, home.store)
            crash_point("receipts-applying")
        crash_point("receipts-applied")
        for came, one, told in portion:
            _leave(home.settings, came, one, told)
        for folder in sorted({one.path.parent for _, one, _ in portion}):
            sync_folder(folder)
        done.add(applied)
    if done.waiting or answered:
        # What waited for an answer that these files brought: 792 needs the number of its 702.
        later = take_up(home)
        of_now = min(done.waiting, later.new)
        done.waiting, done.new = done.waiting - of_now, done.new + later.new - of_now
        done.moved.add(later.moved)
    return done


def take_up(home: Home, released: Sequence[int] = ()) -> Applied:
    """Apply receipts that waited and whose document or time has come.

    Called after filings are made, and by every ``receive``. ``released`` are the numbers of
    receipts from the future which an operator lets count now.
    """
    with transaction(home.engine) as c:
        waited = results.waiting(c)
        applied = receipts.take_up(c, Rules(home.tables), matching(home), released)
        _follow(c, home, applied.moved)
        results.take_in(c, home.store, waited)
    return applied


def matching(home: Home) -> Matching:
    """What answers are held against: exporters by their codes, and the filings of manifests
    that were issued but are nowhere sent from here."""

    def missing(c: Connection, manifest_ids: Sequence[int]) -> int:
        rows = [manifests.get(c, one) for one in manifest_ids] or filings.without(c)
        return filings.of_manifests(c, home.store, rows)

    codes = {one.id: frozenset({one.code}) for one in home.exporters.values()}
    return Matching(codes, missing)


def _follow(c: Connection, home: Home, moved: Moved, *, applications: bool = False) -> None:
    """What becomes of lists that customs refused or cancelled, and of those in ``applications``
    for consolidation (701) that it spoke of, in the same transaction."""
    lists.refused(c, moved.refused, home.settings.refused_app_type)
    lists.cancelled(c, moved.cancelled)
    accepting = Rules(home.tables).accepting()
    ended = [*moved.refused, *moved.cancelled]
    stand = [*moved.reinstated, *reinstatements.before(c, ended, accepting)]
    if stand:
        reinstatements.reinstated(c, home.store, stand)
    if applications or any(kind == "701" for kind, _ in moved.counts):
        consolidations.follow(c)


_Taken = tuple[Came, Waiting, os.stat_result]


def _portions(home: Home, files: Sequence[Waiting]) -> Iterator[list[_Taken]]:
    portion: list[_Taken] = []
    unkept: _Unkept = {}
    answers = 0
    for one in files:
        taken = _taken(home, one, unkept)
        if taken is None:
            continue
        portion.append(taken)
        answers += len(taken[0].answers)
        whole = len(portion) >= MOST_FILES or answers >= MOST_ANSWERS
        if whole or sum(map(len, unkept.values())) >= MOST_BYTES:
            home.store.write_many(unkept)
            unkept = {}
        if whole:
            crash_point("receipts-kept")
            yield portion
            portion, answers = [], 0
    if portion:
        home.store.write_many(unkept)
        crash_point("receipts-kept")
        yield portion


_Unkept = dict[tuple[str, ...], bytes]
"""Files to be kept, by their place in the store."""


def _taken(home: Home, one: Waiting, unkept: _Unkept) -> _Taken | None:
    """A file's answers, its bytes kept or ``unkept`` yet; None when it is gone or still being
    written."""
    try:
        # Not blocking, because a pipe may have taken the file's place meanwhile.
        handle = os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as source:
        told = os.fstat(source.fileno())
        if not stat.S_ISREG(told.st_mode) or (told.st_size, told.st_mtime_ns) != (
            one.size, one.mtime_ns,
        ):  # fmt: skip
            return None
        too_large = one.size > receipt_reader.LARGEST
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        content = b"" if too_large else source.read()
        again = os.fstat(source.fileno())
        if (again.st_size, again.st_mtime_ns) != (one.size, one.mtime_ns):
            return None
    code, answers = ("RECEIPT_TOO_LARGE", []) if too_large else _read(content)
    path = _keep(home, sha256, content, code, unkept, too_large=too_large)
    came = Came(sha256, one.exporter, one.file_name, one.size, path, code, answers)
    return came, one, told


def _read(content: bytes) -> tuple[str | None, list[receipts.Told]]:
    """The answers of a file, or the code by which it is quarantined."""
    found: list[receipts.Told] = []
    try:
        for message in receipt_reader.read(content):
            kind = message.kind.removeprefix("CEB")
            # CEB792 is entered here like every answer; its lines are the consolidation's.
            found += receipts.told(kind, message.entities, first=len(found) + 1)
    except receipt_reader.ReceiptError as error:
        return error.code, []
    except ValueError:
        # A message that a firm sends answers nothing.
        return UNKNOWN_KIND, []
    return None, found


def _keep(
    home: Home, sha256: str, content: bytes, code: str | None, unkept: _Unkept, *, too_large: bool
) -> str:
    """Keep a file as it came, or note it to be kept with others; where."""
    if code is None:
        parts = (FOLDER, sha256[:2], f"{sha256}.xml")
        if not home.store.exists(*parts):
            unkept[parts] = content
        return "/".join(parts)
    parts = (QUARANTINE, sha256[:2], f"{sha256}.{'bin' if too_large else 'age'}")
    target = home.settings.home.joinpath(*parts)
    if not too_large and not target.exists():
        originals.seal(home.settings, content, target)
    return "/".join(parts)


def _leave(settings: Settings, came: Came, one: Waiting, told: os.stat_result) -> None:
    """Remove a file that was taken in, unless another has taken its place; one that was too
    large to be read is moved to its quarantine as it is."""
    try:
        now = one.path.lstat()
        if (now.st_ino, now.st_size, now.st_mtime_ns) != (
            told.st_ino, told.st_size, told.st_mtime_ns,
        ):  # fmt: skip
            return
        if came.path.endswith(".bin"):
            target = settings.home / came.path
            target.parent.mkdir(parents=True, exist_ok=True)
            one.path.replace(target)
        else:
            one.path.unlink()
    except OSError:
        # Gone, or a folder that lets nothing be removed: the registry knows the file's bytes.
        return


def problems(home: Home) -> list[str]:
    """Receipt files that are gone or not what came in any more; each told in a line."""
    found = []
    with reading(home.engine) as c:
        kept = receipts.files(c)
    for file_id, path, sha256 in kept:
        parts = tuple(path.split("/"))
        try:
            if parts[0] == FOLDER:
                data = home.store.read_bytes(parts)
            elif path.endswith(".bin"):
                continue
            else:
                data = originals.unseal(home.settings, home.settings.home.joinpath(*parts))
        except FileNotFoundError:
            found.append(f"receipt file {file_id}: it is missing")
        except originals.UnreadableError:
            found.append(f"receipt file {file_id}: it is damaged")
        else:
            if hashlib.sha256(data).hexdigest() != sha256:
                found.append(f"receipt file {file_id}: it is damaged")
    return found
