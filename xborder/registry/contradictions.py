"""Where customs' answers contradict what was meant (回执矛盾): told until they are settled.

An order is declared twice when customs approves after all a list that another one has followed;
a list stands on when its cancellation (605) is refused. Nothing is stored: both follow from the
lists and the standings of their documents.
"""

import polars as pl
from sqlalchemy import Connection

from xborder import findings
from xborder.registry import uploads
from xborder.registry.customs_states import Rules
from xborder.registry.reinstatements import FOLLOWED, taken_back
from xborder.registry.staging import fetch
from xborder.schemas.tables import packaged

ORDER_DECLARED_TWICE, CANCELLATION_REFUSED = "ORDER_DECLARED_TWICE", "CANCELLATION_REFUSED"

TWICE = {
    "exporter": pl.String, "shop": pl.String, "order_no": pl.String, "cop_no": pl.String,
    "later": pl.String,
}  # fmt: skip
"""An order that is declared twice: its first list, and the last that went out since."""

_PLACES = {"order_no": pl.String, "first_row": pl.Int64}

_LATER = """
    (SELECT max(n.cop_no) FROM lists n WHERE n.order_id = l.order_id AND n.id > l.id
     AND n.manifest_id IS NOT NULL AND n.state IN ('issued', 'amended')) AS later
"""

_AT = """
    JOIN orders o ON o.id = l.order_id JOIN shops s ON s.id = o.shop_id
    LEFT JOIN order_entries e ON e.order_id = o.id AND e.upload_id = o.upload_id
"""

_ROW = "coalesce(o.first_row, e.first_row)"


def declared_twice(c: Connection, rules: Rules) -> pl.DataFrame:
    """All orders of which customs has two lists, in order of the first; columns ``TWICE``."""
    return fetch(
        c,
        f"""
        SELECT s.exporter, s.shop, o.order_no, l.cop_no, {_LATER} {_twice(rules)} ORDER BY l.id
        """,
        TWICE,
    )


def _twice(rules: Rules) -> str:
    return f"""
        FROM lists l JOIN filings f ON f.list_id = l.id AND f.kind = '603' {_AT}
        WHERE l.state IN ('refused', 'cancelled') AND {taken_back(rules.accepting())} AND {FOLLOWED}
    """


def of_upload(c: Connection, upload_id: int) -> pl.DataFrame:
    """ORDER_DECLARED_TWICE and CANCELLATION_REFUSED of an upload's orders, at their first row;
    columns ``findings.FINDINGS``. The meaning of codes is that of this release's tables."""
    rules = Rules(packaged())
    file = uploads.get(c, upload_id).file_name
    twice = fetch(
        c,
        f"""
        SELECT o.order_no, {_ROW}, l.cop_no, {_LATER}
        {_twice(rules)} AND o.upload_id = :upload ORDER BY {_ROW}, l.id
        """,
        _PLACES | {"cop_no": pl.String, "later": pl.String},
        upload=upload_id,
    )
    refused = fetch(c, _REFUSED, _PLACES | dict.fromkeys(_SAID, pl.String), upload=upload_id)
    told = [
        _finding(ORDER_DECLARED_TWICE, file, order_no, row, cop_no=cop_no, later=later)
        for order_no, row, cop_no, later in twice.iter_rows()
    ]
    for order_no, row, cop_no, status, info in refused.iter_rows():
        zh, en = rules.meaning(status, info or "")
        params = {"status": status, "info": info or "", "meaning_zh": zh, "meaning_en": en}
        told.append(_finding(CANCELLATION_REFUSED, file, order_no, row, cop_no=cop_no, **params))
    return findings.to_frame(told)


_SAID = ("cop_no", "status", "info")

# The newest cancellation of a list that stands; all of them lie together in the index.
_REFUSED = f"""
    SELECT o.order_no, {_ROW}, l.cop_no, f.status,
           (SELECT r.info FROM receipts r WHERE r.filing_id = f.id AND r.status = f.status
            ORDER BY r.id DESC LIMIT 1)
    FROM filings f JOIN lists l ON l.id = f.list_id {_AT}
    LEFT JOIN filings g ON g.list_id = l.id AND g.kind = '603'
    WHERE f.kind = '605' AND (f.status = '100' OR f.status LIKE '-%') AND l.live
      AND l.state = 'issued' AND coalesce(g.status, '') <> '899' AND o.upload_id = :upload
      AND NOT EXISTS (SELECT 1 FROM filings x
                      WHERE x.list_id = l.id AND x.kind = '605' AND x.id > f.id)
    ORDER BY {_ROW}, f.id
"""  # noqa: S608


def _finding(
    code: str, file: str, order_no: str, row: int | None, **params: str
) -> findings.Finding:
    return findings.Finding(
        code, file=file, row=row, field="order_no", order_no=order_no, value=order_no,
        params=params,
    )  # fmt: skip
