"""Filings (申报单证): every order, waybill, list, bill … that customs is told of, version by version.

A filing is named by its *key*, the business number that customs repeats in its answers (their
guid is the e-port's own, and cannot be relied on). Filings of an issued manifest follow from its
rows and the lake; they are made when its messages are queued, or when the first answer comes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, select

from xborder.registry import checkings, counters, lists
from xborder.registry.staging import changed, fetch, run, stage
from xborder.registry.store import Store
from xborder.registry.tables import manifests

KEYS = {
    "213": ("coElNo",),
    "215": ("coElNo",),
    "303": ("ebpCode", "orderNo"),
    "403": ("ebcCode", "orderNo", "payNo"),
    "505": ("logisticsCode", "logisticsNo"),
    "507": ("copNo", "msgSeqNo"),
    "509": ("copNo", "msgSeqNo"),
    "603": ("copNo",),
    "605": ("copNo",),
    "607": ("copNo", "msgSeqNo"),
    "701": ("copNo", "msgSeqNo"),
}
"""Kind of a document → the elements that name it; its answer repeats them (CEB 2022-05)."""

ANSWERS = {str(int(kind) + 1): kind for kind in KEYS} | {"792": "701"}
"""Kind of an answer → kind of the document that it answers. 900 may answer any."""

UNNAMED = {"792": ("sumNo",), "900": ("oriCopMsgId",)}
"""Answers that do not repeat the key: 792 tells customs' number of the 701 (``customs_no`` of its
filing), 900 the message that could not be read."""

OF_LISTS = {"lists": ("303", "603"), "declarations": ("303",)}
"""Kind of a manifest → the documents filed for each of its lists, at least."""

FILINGS = {
    "id": pl.Int64,
    "kind": pl.String,
    "exporter": pl.String,
    "key": pl.String,
    "version": pl.Int64,
    "app_type": pl.String,
    "app_time": pl.String,
    "list_id": pl.Int64,
    "message_id": pl.Int64,
    "status": pl.String,
    "status_at": pl.String,
    "pre_no": pl.String,
    "customs_no": pl.String,
}
"""Columns of ``filings`` as frames hold them; instants are ISO 8601 text in UTC."""

ONCE_A_LIST = ("303", "403", "505", "603")
"""What is filed once for each list; a list may be cancelled or given back several times."""

NEW = {name: FILINGS[name] for name in ("kind", "key", "app_type", "list_id")}

_TOLD = ", ".join(f"f.{name}" for name in FILINGS)

_IN_LAKE = ["order_id", "ebcCode", "ebpCode", "orderNo", "logisticsCode", "logisticsNo"]


def _elements(kind: str) -> tuple[str, ...]:
    named = KEYS.get(ANSWERS.get(kind, kind)) if kind not in UNNAMED else UNNAMED[kind]
    if named is None:
        raise ValueError(f"no key of message kind {kind!r}")
    return named


def key_of(kind: str, values: Mapping[str, str | None]) -> str:
    """The key of a document or an answer of a kind such as ``303`` or ``604``, of its elements.

    An absent element counts as the empty text; ``msgSeqNo`` is 1 where it is absent, and has no
    leading zeros. Raises ValueError for an unknown kind.
    """
    return "/".join(
        ((values.get(name) or "").strip().lstrip("0") or "1")
        if name == "msgSeqNo"
        else (values.get(name) or "").strip()
        for name in _elements(kind)
    )


def key_column(kind: str, columns: Iterable[str]) -> pl.Expr:
    """The same of the rows of a frame with these text columns; named ``key``."""
    there = set(columns)
    parts = []
    for name in _elements(kind):
        one = pl.col(name) if name in there else pl.lit(None, pl.String)
        text = one.fill_null("").str.strip_chars()
        if name == "msgSeqNo":
            text = text.str.strip_chars_start("0").replace("", "1")
        parts.append(text)
    return pl.concat_str(parts, separator="/").alias("key")


def kinds_of(manifest: Row[Any], further: Sequence[str] | None = None) -> tuple[str, ...]:
    """The documents filed for each list of a manifest, in the order in which they are sent: the
    lists last. Waybills and payment receipts (``further``) where the profile said so at the
    cut-off."""
    if further is None:
        further = manifest.batch.get("sending", {}).get("documents", ())
    own = OF_LISTS[manifest.kind]
    return tuple(sorted({*own, *further})) if "603" in own else own


def stored(instant: datetime) -> str:
    """An instant as the registry's frames and staged tables hold it."""
    return instant.astimezone(UTC).isoformat()


def of_manifest(
    c: Connection, store: Store, manifest: Row[Any], kinds: Sequence[str] | None = None
) -> int:
    """Enter the filings of one issued manifest's lists; see ``of_manifests``."""
    return of_manifests(c, store, [manifest], kinds)


def of_manifests(
    c: Connection, store: Store, rows: Sequence[Row[Any]], kinds: Sequence[str] | None = None
) -> int:
    """Enter the filings of issued manifests' lists, those that are not there yet; their number.

    ``rows`` are rows of ``manifests``; ``kinds`` the documents filed for each list (303, 403,
    505, 603), by default ``kinds_of`` the manifest. Each takes the manifest's ``app_time`` and the
    ``app_type`` of its list or order. Raises LookupError when the lake has no head of a list: a fault of ours.
    """
    entered = 0
    for row in rows:
        entered += _of_manifest(c, store, row, kinds or kinds_of(row))
    return entered


def _of_manifest(c: Connection, store: Store, row: Row[Any], kinds: Sequence[str]) -> int:
    counted = run(
        c,
        """
        SELECT f.kind, count(*) AS filed FROM lists l JOIN filings f ON f.list_id = l.id
        WHERE l.manifest_id = :manifest GROUP BY f.kind
        """,
        manifest=row.id,
    )
    there: dict[str, int] = {one.kind: one.filed for one in counted}
    wanted = [kind for kind in kinds if there.get(kind, 0) < row.lists]
    if not wanted:
        return 0
    listed = lists.of_manifests(c, [row.id]).select(
        "list_id", "order_id", "check_id", "app_type", "order_app_type", copNo="cop_no"
    )
    heads = listed.join(
        named(store, listed["check_id"].unique().sort().to_list()),
        on=["check_id", "order_id"],
        how="left",
        maintain_order="left",
    )
    if heads["orderNo"].null_count():
        missing = heads.filter(pl.col("orderNo").is_null())["list_id"].min()
        raise LookupError(f"the lake has no head of list {missing!r}")
    told = [
        heads.select(
            "list_id",
            kind=pl.lit(kind),
            key=key_column(kind, heads.columns),
            # An order that customs has already is changed, whatever becomes of its list.
            app_type="app_type" if kind == "603" else pl.coalesce("order_app_type", "app_type"),
        )
        for kind in wanted
    ]
    return enter(c, row.exporter, row.app_time, pl.concat(told).select(*NEW))


def named(store: Store, checks: Sequence[int]) -> pl.DataFrame:
    """What names the orders and waybills of some checks' lists: check_id, order_id, and CEB603's
    elements. Raises LookupError where the lake has lost them."""
    found = []
    for number in checks:
        place = (*checkings.folder(number), "heads.parquet")
        try:
            told = store.read_parquet(*place, columns=_IN_LAKE)
        except FileNotFoundError as error:
            raise LookupError(f"the lake has no {'/'.join(place)}") from error
        found.append(told.with_columns(check_id=pl.lit(number, pl.Int64)))
    return pl.concat(found, how="diagonal_relaxed")


def enter(
    c: Connection,
    exporter: str,
    app_time: datetime,
    new: pl.DataFrame,
    message_id: int | None = None,
) -> int:
    """Enter filings of one exporter in the order of ``new`` (columns ``NEW``); their number.

    Of ``ONCE_A_LIST`` one whose ``list_id`` has one of its kind already is left out; all others
    are always new. The version is the next one of its key, but that of a list's own filing (603)
    the list's.
    """
    stage(c, "new_filings", new.select(*NEW).cast(NEW).with_row_index("place").cast({"place": pl.Int64}))  # type: ignore[arg-type]  # fmt: skip
    first = counters.peek(c, "filing")
    entered = changed(
        c,
        f"""
        INSERT INTO filings (id, kind, exporter, key, version, app_type, app_time, list_id,
                             message_id)
        SELECT :first + w.n, w.kind, CAST(:exporter AS TEXT), w.key,
               CASE WHEN w.kind = '603' THEN l.version ELSE w.nth + coalesce((
                   SELECT max(f.version) FROM filings f
                   WHERE f.kind = w.kind AND f.exporter = :exporter AND f.key = w.key), 0) END,
               w.app_type, CAST(:app_time AS TEXT), w.list_id, CAST(:message AS BIGINT)
        FROM (SELECT t.*, row_number() OVER (ORDER BY t.place) AS n,
                     row_number() OVER (PARTITION BY t.kind, t.key ORDER BY t.place) AS nth
              FROM new_filings t
              WHERE t.list_id IS NULL OR t.kind NOT IN {ONCE_A_LIST}
                 OR NOT EXISTS (
                  SELECT 1 FROM filings f WHERE f.list_id = t.list_id AND f.kind = t.kind)) w
        LEFT JOIN lists l ON l.id = w.list_id
        ORDER BY w.n
        """,  # noqa: S608
        first=first,
        exporter=exporter,
        app_time=stored(app_time),
        message=message_id,
    )
    counters.draw_many(c, "filing", entered)
    run(c, "DROP TABLE new_filings")
    return entered


def without(c: Connection) -> list[Row[Any]]:
    """Published manifests whose lists have no filing yet, oldest first."""
    found = run(
        c,
        """
        SELECT m.id FROM manifests m
        WHERE m.state = 'published' AND NOT EXISTS (
            SELECT 1 FROM lists l JOIN filings f ON f.list_id = l.id WHERE l.manifest_id = m.id)
        ORDER BY m.id
        """,
    )
    ids = list(found.scalars())
    asked = select(manifests).order_by(manifests.c.id)
    return [
        row
        for at in range(0, len(ids), 500)
        for row in c.execute(asked.where(manifests.c.id.in_(ids[at : at + 500])))
    ]


def by_keys(c: Connection, named: pl.DataFrame, exporter: str | None = None) -> pl.DataFrame:
    """The newest version of each filing named by [kind, key], of one exporter or of all.

    Columns ``FILINGS``, by number. ``kind`` is a document's. What is not there has no row;
    without ``exporter`` a key may have one an exporter.
    """
    stage(c, "asked_filings", named.select("kind", "key").unique(maintain_order=True))
    found = fetch(
        c,
        f"""
        SELECT {_TOLD} FROM asked_filings a JOIN filings f ON f.kind = a.kind AND f.key = a.key
        WHERE (CAST(:exporter AS TEXT) IS NULL OR f.exporter = :exporter)
          AND f.version = (SELECT max(n.version) FROM filings n
                           WHERE n.kind = f.kind AND n.exporter = f.exporter AND n.key = f.key)
        ORDER BY f.id
        """,  # noqa: S608
        FILINGS,
        exporter=exporter,
    )
    run(c, "DROP TABLE asked_filings")
    return found


def of_lists(c: Connection, list_ids: Sequence[int], kind: str = "603") -> pl.DataFrame:
    """The filings of a kind that are about these lists, by list and version; ``FILINGS``."""
    stage(c, "asked_lists", pl.DataFrame({"list_id": list(list_ids)}, schema={"list_id": pl.Int64}))
    found = fetch(
        c,
        f"""
        SELECT {_TOLD} FROM asked_lists a JOIN filings f ON f.list_id = a.list_id
        WHERE f.kind = :kind ORDER BY f.list_id, f.version
        """,  # noqa: S608
        FILINGS,
        kind=kind,
    )
    run(c, "DROP TABLE asked_lists")
    return found
