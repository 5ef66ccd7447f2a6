"""Tables of a home brought into force and taken out again (表格导入), whole or not at all.

A proposal is what would hold: it is compared and checked before anything is written. Putting it
into force writes the data file, then the audit entry, then replaces the manifest by one rename,
which is the moment from which it holds. Whatever fails before leaves what was in force; an audit
entry without its manifest says what was tried, and the same command does it again. Data files
are never deleted: what held on a day can be shown later.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from xborder import clock
from xborder.crashpoints import crash_point
from xborder.findings import Both
from xborder.registry import audit
from xborder.registry.database import transaction
from xborder.registry.home import Home
from xborder.registry.store import Store
from xborder.schemas import exporters
from xborder.schemas.table_changes import Changes, compare, refuse_dangling
from xborder.schemas.table_versions import (
    MANIFEST,
    Table,
    TableError,
    entries_of,
    key_of,
    read_folder,
    refused,
    unusable,
    version,
)
from xborder.schemas.tables import Tables, combined

_HEAD = "# Tables of this home; written by: xborder tables import, remove. See docs/tables.md.\n"
_BLOCK = "[[table]]"


@dataclass(frozen=True)
class Proposal:
    """What would be in force, and what that changes on its first day.

    ``now``: what it changes today, where its first day is past. ``broken``: profiles that could
    no longer be used, with the reason. ``content`` is the data file to write, if any; ``seen``
    the manifest on which the proposal rests. ``in_force_already``: exactly this version stands
    there, and its file is whole.
    """

    kind: str
    entry: dict[str, Any]
    content: bytes
    seen: str
    manifest: str
    after: Tables
    changes: Changes
    now: Changes | None
    broken: dict[str, list[Both]]
    in_force_already: bool


def folder(home: Home) -> Path:
    """Where a home's tables lie."""
    return home.settings.home / "tables"


def propose(
    home: Home,
    entry: dict[str, Any],
    rows: pl.DataFrame,
    *,
    replace: bool = False,
) -> Proposal:
    """A new version of a table from its rows; ``entry`` has name, kind, valid_from, source,
    confidence and perhaps valid_to and complete. ``replace`` lets it take the place of the
    version with the same beginning.

    Raises TableError when it overlaps another version, or a table would lack what another
    refers to; also when another of the tables now in force cannot be read.
    """
    content = rows.write_csv().encode()
    digest = hashlib.sha256(content).hexdigest()
    name, begins = entry["name"], entry["valid_from"]
    file = f"{name}-{begins}-{digest[:12]}.csv"
    entry = {**entry, "file": file, "sha256": digest}
    seen, own, others = _present(home, name, begins)
    new = version(entry, content, "home", file)
    blocks, entries = _blocks(seen, folder(home) / MANIFEST)
    if entry in entries and len(own) > len(others):
        manifest = seen
    else:
        listed = any((one["name"], one["valid_from"]) == (name, begins) for one in entries)
        if listed and not replace:
            raise refused(
                name,
                f"已有 {begins} 起的版本；加 --replace 取代它",
                f"a version from {begins} is in force already; --replace takes its place",
            )
        kept = _without(blocks, entries, name, begins) if listed else seen or _HEAD
        manifest = kept.rstrip("\n") + "\n\n" + _block(entry)
    return _proposal(home, "table imported", entry, content, seen, manifest, own, (*others, new))


def propose_removal(home: Home, name: str, valid_from: date) -> Proposal:
    """What would hold without a version that was imported, be its file whole or not; raises
    TableError for none such."""
    seen, own, left = _present(home, name, valid_from)
    blocks, entries = _blocks(seen, folder(home) / MANIFEST)
    gone = [one for one in entries if (one["name"], one["valid_from"]) == (name, valid_from)]
    if not gone:
        known = ", ".join(f"{one['name']} {one['valid_from']}" for one in entries)
        raise refused(
            name,
            f"没有 {valid_from} 起的导入版本；已有：{known or '无'}",
            f"no imported version from {valid_from}; there are: {known or 'none'}",
        )
    manifest = _without(blocks, entries, name, valid_from)
    return _proposal(home, "table removed", gone[0], b"", seen, manifest, own, left)


def put(home: Home, proposal: Proposal) -> None:
    """Bring a proposal into force. Raises TableError when the tables have changed meanwhile,
    OSError when the disk does not take it; both leave what was in force."""
    place = folder(home)
    place.mkdir(exist_ok=True)
    with _alone(place):
        if _manifest_text(place) != proposal.seen:
            raise unusable(
                place / MANIFEST,
                "其间已被改动，未做任何更改",
                "has changed meanwhile; nothing was done",
            )
        store = Store(place.absolute().as_uri())
        entry = proposal.entry
        if proposal.content:
            store.write_bytes((str(entry["file"]),), proposal.content)
        crash_point("table-written")
        told = {key: str(value) for key, value in entry.items() if key != "name"}
        changes = proposal.changes
        told |= {
            "rows_added": str(changes.added.height),
            "rows_removed": str(changes.removed.height),
            "rows_changed": str(changes.rows_changed),
            "version": proposal.after.version,
        }
        with transaction(home.engine) as connection:
            audit.append(connection, proposal.kind, str(entry["name"]), told)
        crash_point("table-audited")
        store.write_bytes((MANIFEST,), proposal.manifest.encode())


def in_force(home: Home, name: str, begins: date) -> Tables:
    """The tables of a home, but for one version where its file cannot be read any more."""
    return combined(_present(home, name, begins)[1])


def _present(
    home: Home, name: str, begins: date
) -> tuple[str, tuple[Table, ...], tuple[Table, ...]]:
    """The manifest's text, all versions, and those beside the one of that name and first day.

    That one may be damaged, which is why it is to go: then it is missing among all as well.
    """
    place = folder(home)
    seen = _manifest_text(place)
    if not seen:
        return seen, (), ()
    try:
        own = read_folder(place, "home")
    except TableError:
        others = read_folder(place, "home", without=(name, begins))
        return seen, others, others
    return seen, own, tuple(one for one in own if (one.name, one.valid_from) != (name, begins))


def _manifest_text(place: Path) -> str:
    path = place / MANIFEST
    return path.read_text("utf-8") if path.is_file() else ""


def _proposal(
    home: Home,
    kind: str,
    entry: dict[str, Any],
    content: bytes,
    seen: str,
    manifest: str,
    own: tuple[Table, ...],
    new: tuple[Table, ...],
) -> Proposal:
    day: date = entry["valid_from"]
    held = combined(own), combined(new)
    before, after = (Tables(one.entries, day) for one in held)
    refuse_dangling(before, after, day)
    # Looked up now: a name with two meanings must not wait for the first file that uses it.
    _ = after.unit_by_name, after.country_by_alias, after.currency_by_alias
    _, broken_before = exporters.load_usable(home.settings.exporters, before)
    _, broken = exporters.load_usable(home.settings.exporters, after)
    return Proposal(
        kind=kind,
        entry=entry,
        content=content,
        seen=seen,
        manifest=manifest,
        after=after,
        changes=_changes(*held, entry, day),
        now=_changes(*held, entry, clock.today()) if day < clock.today() else None,
        broken={one: why for one, why in broken.items() if one not in broken_before},
        in_force_already=manifest == seen and len(own) == len(new),
    )


def _changes(before: Tables, after: Tables, entry: dict[str, Any], day: date) -> Changes:
    """What differs in a table on a day."""
    name = str(entry["name"])
    kind = str(entry.get("kind", name))
    states = [
        one.tariff(day) if kind == "tariff" else one.table(name, day) if name in one.names else None
        for one in (before, after)
    ]
    was, now = (
        mine if mine is not None else other.clear() if other is not None else pl.DataFrame()
        for mine, other in (states, reversed(states))
    )
    return compare(was, now, key_of(kind))


def _blocks(text: str, place: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The manifest's text in parts: what stands before the entries, then one part an entry."""
    entries = entries_of(text, place)
    parts: list[str] = [""]
    for line in text.splitlines(keepends=True):
        if line.strip() == _BLOCK:
            parts.append("")
        parts[-1] += line
    if len(parts) - 1 != len(entries):
        raise unusable(
            place,
            f"每个版本须从单独一行 {_BLOCK} 开始",
            f"write each entry below a line {_BLOCK} of its own",
        )
    return parts, entries


def _without(blocks: list[str], entries: list[dict[str, Any]], name: str, begins: date) -> str:
    kept = [
        block
        for block, entry in zip(blocks[1:], entries, strict=True)
        if (entry["name"], entry["valid_from"]) != (name, begins)
    ]
    return "".join([blocks[0], *kept])


def _block(entry: dict[str, Any]) -> str:
    lines = [_BLOCK]
    for key, value in entry.items():
        if isinstance(value, bool):
            written = "true" if value else "false"
        elif isinstance(value, date):
            written = value.isoformat()
        else:
            # A JSON text is a TOML text, but for DEL, which no name or source needs.
            written = json.dumps(str(value).replace("\x7f", ""), ensure_ascii=False)
        lines.append(f"{key} = {written}")
    return "\n".join(lines) + "\n"


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One writer of a home's tables at a time."""
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
