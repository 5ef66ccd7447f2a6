"""How far issued lists and their manifests are (批次状态), derived from the documents' standings."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection

from xborder.registry.customs_states import CANCELLATION, LIST, ORDER, RETURN, Rules
from xborder.registry.staging import fetch, run, stage
from xborder.registry.tables import Instant

SENT, FAILED = "sent", "failed"
"""States of a message that say something of the lists in it."""

_COUNTED = {
    "manifest_id": pl.Int64, "document": pl.String, "status": pl.String, "message": pl.String,
    "cancelled": pl.Boolean, "returned": pl.Boolean, "lists": pl.Int64,
}  # fmt: skip

LISTS = {
    "list_id": pl.Int64, "filing_id": pl.Int64, "cop_no": pl.String, "order_no": pl.String,
    "version": pl.Int64, "document": pl.String, "status": pl.String, "status_at": pl.String,
    "invt_no": pl.String, "pre_no": pl.String, "message": pl.String, "cancelled": pl.Boolean,
    "returned": pl.Boolean,
}  # fmt: skip


def _from(rules: Rules) -> str:
    """Lists of the manifests in ``asked_manifests`` beside their document and what sets them aside."""
    accepted = ", ".join(f"'{int(code)}'" for code in rules.accepting())
    aside = f"EXISTS (SELECT 1 FROM filings x WHERE x.list_id = l.id AND x.status IN ({accepted})"  # noqa: S608 (codes are numbers of a table)
    return f"""
        {aside} AND x.kind = '{CANCELLATION}') AS cancelled,
        {aside} AND x.kind = '{RETURN}') AS returned
        FROM asked_manifests a JOIN manifests m ON m.id = a.id
        JOIN lists l ON l.manifest_id = m.id
        LEFT JOIN filings f ON f.list_id = l.id
             AND f.kind = CASE WHEN m.kind = 'lists' THEN '{LIST}' ELSE '{ORDER}' END
        LEFT JOIN messages g ON g.id = f.message_id
    """


_DOCUMENT = f"CASE WHEN m.kind = 'lists' THEN '{LIST}' ELSE '{ORDER}' END AS document"


def counts(c: Connection, rules: Rules, manifest_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many lists of each manifest are in which state, in the order of the states."""
    _ask(c, manifest_ids)
    found = fetch(
        c,
        f"""
        SELECT manifest_id, document, status, message, cancelled, returned, count(*) FROM (
            SELECT m.id AS manifest_id, {_DOCUMENT}, f.status, g.state AS message, {_from(rules)}
        ) every GROUP BY 1, 2, 3, 4, 5, 6
        """,  # noqa: S608
        _COUNTED,
    )
    run(c, "DROP TABLE asked_manifests")
    told: dict[int, dict[str, int]] = {one: {} for one in manifest_ids}
    for row in found.iter_rows(named=True):
        state, of = _state(rules, row), told[row["manifest_id"]]
        of[state] = of.get(state, 0) + row["lists"]
    order = list(rules.words)
    return {
        one: dict(sorted(of.items(), key=lambda pair: order.index(pair[0])))
        for one, of in told.items()
    }


def lists_of(c: Connection, rules: Rules, manifest_id: int) -> list[dict[str, Any]]:
    """The lists of a manifest, in order: cop_no, order_no, version, state, status, status_at,
    invt_no, pre_no, and ``also``: further codes that customs told and that move no state."""
    _ask(c, [manifest_id])
    found = fetch(
        c,
        f"""
        SELECT every.* FROM (
            SELECT l.id AS list_id, f.id AS filing_id, l.cop_no, o.order_no, l.version, {_DOCUMENT},
                   f.status, f.status_at, f.customs_no AS invt_no, f.pre_no, g.state AS message,
                   {_from(rules)}
            JOIN orders o ON o.id = l.order_id
        ) every ORDER BY 1
        """,  # noqa: S608
        LISTS,
    )
    run(c, "DROP TABLE asked_manifests")
    also = _also(c, rules, found)
    told = []
    for row in found.iter_rows(named=True):
        at = Instant().process_result_value(row["status_at"], c.dialect)
        told.append(
            {name: row[name] for name in ("cop_no", "order_no", "version")}
            | {"state": _state(rules, row), "status": row["status"]}
            | {"status_at": at.replace(microsecond=0) if at else None}
            | {"invt_no": row["invt_no"], "pre_no": row["pre_no"]}
            | {"also": also.get(row["filing_id"], "")}
        )
    return told


def _ask(c: Connection, manifest_ids: Sequence[int]) -> None:
    stage(c, "asked_manifests", pl.DataFrame({"id": list(manifest_ids)}, schema={"id": pl.Int64}))


def _state(rules: Rules, row: dict[str, Any]) -> str:
    return rules.of_list(
        row["status"], sent=row["message"] == SENT, failed=row["message"] == FAILED,
        cancelled=row["cancelled"], returned=row["returned"], document=row["document"],
    )  # fmt: skip


def _also(c: Connection, rules: Rules, found: pl.DataFrame) -> dict[int, str]:
    """Codes of answers that move no state, by document, in the order of their time."""
    stage(c, "asked_filings", found.select("filing_id").drop_nulls())
    told = run(
        c,
        """
        SELECT r.filing_id, r.status FROM asked_filings a JOIN receipts r ON r.filing_id = a.filing_id
        WHERE r.status NOT LIKE '-%' ORDER BY r.filing_id, r.returned_at, r.id
        """,
    )
    codes: dict[int, dict[str, None]] = {}
    for filing, status in told:
        if not rules.of_status(LIST, status):
            codes.setdefault(filing, {})[status] = None
    run(c, "DROP TABLE asked_filings")
    return {filing: ", ".join(of) for filing, of in codes.items()}
