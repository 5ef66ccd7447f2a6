"""Reading a file, seen from outside: a child process with limits, and its answer checked."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import polars as pl

from xborder import findings
from xborder.findings import Finding, column_letter
from xborder.intake import codes, lines
from xborder.intake.layouts import KINDS
from xborder.intake.limits import Limits
from xborder.intake.nursery import Nursery
from xborder.intake.parse import base_name

if TYPE_CHECKING:  # the child imports this package, and must start fast
    from xborder.schemas import tables

BLOCK = 1024 * 1024


class ShopLike(Protocol):
    """What reading needs of a shop in an exporter's profile."""

    @property
    def channel(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def currency(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a file is, without its blocks.

    ``kind`` orders | goods | shipments | stock, None when refused; ``layout`` and ``channel``
    as recognised. ``columns``: sheet → field → (0-based column, header as written).
    ``findings`` are those of the file that belong to no block: its header's and the fatal one.
    ``usable`` False: whatever blocks have come before count for nothing.
    ``partner``: which other file completes its orders (``awaits``), the finding that they wait
    under (``awaits_code``), what to export (``awaits_zh``, ``awaits_en``); empty for none.
    ``proposal``: what the headers may mean where they are not known (see ``proposals``).
    """

    sha256: str
    file_name: str
    size: int
    kind: str | None
    layout: str | None
    channel: str | None
    columns: dict[str, dict[str, tuple[int, str]]]
    findings: pl.DataFrame
    usable: bool
    encoding: str | None
    order_fields: frozenset[str] = field(default_factory=frozenset)
    proposal: dict[str, Any] | None = None
    partner: dict[str, str] = field(default_factory=dict)

    @property
    def yields_to(self) -> str:
        """The layout of a fuller report, before whose word this file's own does not count: it
        has no amounts. Empty for all other files."""
        awaits = "" if self.partner.get("awaits_fields") else self.partner.get("awaits", "")
        told = {name for mapped in self.columns.values() for name in mapped}
        return "" if awaits in KINDS or told & {"unit_price", "line_total"} else awaits

    @property
    def fatal(self) -> str:
        """The code of the finding by which the file is refused."""
        codes = self.findings.filter(pl.col("severity") == "fatal").get_column("code")
        return str(codes.first() or "UNREADABLE")


@dataclass(frozen=True, kw_only=True)
class Reading(Head):
    """A file as canonical records, with a state for every physical row, and all its findings.

    ``records``: the canonical columns of the kind (String, absent = null), ``sheet``, ``row``
    (as Excel shows it), ``order_row`` (row of the order's first line, where the
    ``order_fields`` of some channels stand). ``rows``: sheet, row, lines (physical text lines),
    excluded (code or null), order_no, record (index into records or null): every physical row
    once.
    """

    records: pl.DataFrame
    rows: pl.DataFrame


@dataclass(frozen=True)
class Block:
    """A part of a file, some 50,000 lines: all lines of an order lie in one block.

    ``records``, ``rows`` and ``findings`` have the columns of ``Reading``; ``record`` in
    ``rows`` is the index into this block's records. Blocks come in the file's order, those
    of orders whose lines are scattered over the file last. ``copy_of``: SHA-256 of the file of
    which this one says that it is an annotated copy.
    """

    records: pl.DataFrame
    rows: pl.DataFrame
    findings: pl.DataFrame
    copy_of: str = ""


def read(
    source: Path | BinaryIO,
    file_name: str,
    *,
    exporter_shop: ShopLike | None = None,
    kind: str | None = None,
    limits: Limits | None = None,
    code_tables: "tables.Tables | None" = None,
    nursery: Nursery | None = None,
    mappings: Mapping[str, str] | None = None,
    fresh: bool = False,
    said: Mapping[str, str] | None = None,
) -> Reading:
    """Read a user's file in a child process, all of it into memory.

    Never raises for what a file may hold. The shop gives the zone of times without one, the
    currency of channels without a currency column, and the channel that an order file must
    be of. ``nursery`` starts the process quickly where many files are read; ``mappings`` are
    layouts of the exporter's own, name → TOML; ``fresh``: no layout counts, its columns are
    proposed anew; ``said``: field → header, by which a proposal is made in any case.
    Raises OSError when ``source`` cannot be opened, RuntimeError for a fault of ours.
    """
    blocks: list[Block] = []
    head = read_blocks(
        source,
        file_name,
        keep=blocks.append,
        exporter_shop=exporter_shop,
        kind=kind,
        limits=limits,
        code_tables=code_tables,
        nursery=nursery,
        mappings=mappings,
        fresh=fresh,
        said=said,
    )
    return _together(head, blocks)


def _together(head: Head, blocks: list[Block]) -> Reading:
    """The blocks as one reading, in the file's order."""
    nothing = pl.DataFrame()
    if not blocks:
        return Reading(**vars(head), records=nothing, rows=pl.DataFrame(schema=lines.ROWS))
    records, rows = lines.in_order([(one.records, one.rows) for one in blocks])
    if not head.usable:
        return Reading(**vars(head), records=nothing, rows=rows)
    found = pl.concat([head.findings, *(one.findings for one in blocks)])
    return Reading(**vars(head) | {"findings": found}, records=records, rows=rows)


def read_blocks(
    source: Path | BinaryIO,
    file_name: str,
    *,
    keep: Callable[[Block], None],
    exporter_shop: ShopLike | None = None,
    kind: str | None = None,
    limits: Limits | None = None,
    code_tables: "tables.Tables | None" = None,
    nursery: Nursery | None = None,
    mappings: Mapping[str, str] | None = None,
    fresh: bool = False,
    said: Mapping[str, str] | None = None,
    sha256: str | None = None,
) -> Head:
    """Read a user's file in a child process, block by block; ``keep`` takes each as it comes.

    Arguments and errors as for ``read``; what ``keep`` raises ends the reading and goes
    through. Blocks may come before it turns out that the file cannot be used. ``sha256``: the
    file's checksum where the caller has it, as of an original that was decrypted.
    """
    limits = limits or Limits()
    name = base_name(file_name)
    order = {
        "kind": kind,
        "shop_channel": exporter_shop.channel if exporter_shop else None,
        "zone": exporter_shop.time_zone if exporter_shop else "Asia/Shanghai",
        "currency": (exporter_shop.currency if exporter_shop else "") or "",
        "limits": asdict(limits),
        "mappings": dict(mappings or {}),
        "fresh": fresh,
        "said": None if said is None else dict(said),
    }
    told: dict[str, Any] = {}
    found = findings.to_frame([])
    held = code_tables or _packaged()

    def take(said: dict[str, Any], frames: list[pl.DataFrame]) -> None:
        nonlocal told, found
        if len(frames) == 1:
            told, found = said, _of_file(frames[0], name)
            return
        records, rows, about = frames
        kinds = lines.record_columns(said["kind"])
        records, rows = _whole(records, kinds), _whole(rows, lines.ROWS)
        if records.height:
            records = codes.apply(records, said["kind"], said["layout"], held)
        keep(Block(records, rows, _of_file(about, name), said["copy_of"]))

    with contextlib.ExitStack() as stack:
        handle = stack.enter_context(_opened(source))
        digest, size = (sha256, os.fstat(handle.fileno()).st_size) if sha256 else digest_of(handle)
        readers = nursery or stack.enter_context(Nursery())
        code = readers.read(order, handle.fileno(), limits, take)
    if code:
        told, found = {}, findings.to_frame([Finding(code, file=name)])
    usable = told.get("kind") is not None and not found["severity"].eq("fatal").any()
    return Head(
        sha256=digest,
        file_name=name,
        size=size,
        kind=told["kind"] if usable else None,
        layout=told.get("layout"),
        channel=told.get("channel"),
        columns={
            sheet: {one: (place[0], place[1]) for one, place in mapped.items()}
            for sheet, mapped in told.get("columns", {}).items()
        },
        findings=found,
        usable=usable,
        encoding=told.get("encoding"),
        order_fields=frozenset(told.get("order_fields", ())),
        proposal=told.get("proposal"),
        partner=told.get("partner", {}),
    )


def _whole(frame: pl.DataFrame, kinds: dict[str, pl.DataType]) -> pl.DataFrame:
    """The frame with the columns that the reader left out because they say nothing."""
    nothing = {name: "" if name == "sheet" else None for name in kinds}
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(nothing[name], kind).alias(name)
        for name, kind in kinds.items()
    )


def _of_file(found: pl.DataFrame, name: str) -> pl.DataFrame:
    return found.with_columns(file=pl.lit(name))


def _packaged() -> "tables.Tables":
    from xborder.schemas import tables

    return tables.load(None)


def cell(
    columns: dict[str, dict[str, tuple[int, str]]], sheet: str, field_name: str, row: int
) -> tuple[str, str]:
    """Excel cell (``D17``) and header as written of a field in a row; empty if not mapped."""
    found = columns.get(sheet, {}).get(field_name)
    return (f"{column_letter(found[0])}{row}", found[1]) if found else ("", "")


@contextlib.contextmanager
def _opened(source: Path | BinaryIO):  # type: ignore[no-untyped-def]
    """A binary file with a descriptor; what has none is copied into an unnamed file."""
    if isinstance(source, Path):
        with source.open("rb") as handle:
            yield handle
        return
    try:
        source.fileno()
    except (OSError, AttributeError):
        with tempfile.TemporaryFile() as handle:
            while block := source.read(BLOCK):
                handle.write(block)
            handle.flush()
            yield handle
        return
    yield source


def digest_of(handle: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of an opened file, which then stands at its end."""
    handle.seek(0)
    digest, size = hashlib.sha256(), 0
    while block := handle.read(BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
