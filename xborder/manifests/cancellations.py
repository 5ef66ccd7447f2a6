"""Cancellations (撤单 CEB605) and corrections of issued lists, as an operator asks for them.

Before customs has approved a list, its order's changed content goes as the list's next version
(``amend``); afterwards customs cancels it first, and what follows is a new list (R33). A list
that is not issued yet is void at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from xborder.crashpoints import crash_point
from xborder.manifests import filing
from xborder.manifests.filing import RefusedError
from xborder.registry import documents, versions
from xborder.registry.database import transaction
from xborder.registry.documents import NewDocument
from xborder.registry.home import Home
from xborder.registry.versions import is_approved

REASON = 1000
"""Characters of a reason (CEB605)."""

CLEARED = "899"
"""结关: the goods have left; customs cancels nothing any more (error -623005)."""

_OF_LIST = ("customsCode", "agentCode", "agentName", "ebcCode", "ebcName")


@dataclass(frozen=True)
class Told:
    """What became of a list: its copNo, order, and ``filed`` (605), ``amended``, ``ignored`` or
    ``resent``; the copNo of the document that was filed."""

    cop_no: str
    order_no: str
    exporter: str
    done: str
    document: str = ""


def cancel(
    home: Home, words: Sequence[str], reason: str, exporter: str | None = None
) -> list[Told]:
    """File the cancellation (CEB605) of lists that customs has approved; one document each.

    Raises RefusedError for a list that customs has not approved (amend it, or wait), one that is
    cleared, one whose cancellation is under way, and a reason that is empty or too long; nothing is filed then.
    """
    if not 1 <= len(reason.strip()) <= REASON:
        raise RefusedError("REASON_LENGTH", reason[:40], most=str(REASON))
    told = []
    with transaction(home.engine) as c:
        listed = filing.find(c, home.store, words, exporter)
        said = {row["list_id"]: row for row in listed.heads.iter_rows(named=True)}
        for row in listed.rows.iter_rows(named=True):
            if not is_approved(row["status"], row["customs_no"]) or not row["customs_no"]:
                raise RefusedError("LIST_NOT_APPROVED", row["cop_no"], status=row["status"] or "—")
            if row["status"] == CLEARED:
                raise RefusedError("LIST_CLEARED", row["cop_no"])
            if documents.asked_to_cancel(c, row["list_id"]):
                raise RefusedError("CANCELLATION_UNDER_WAY", row["cop_no"])
            head = {name: said[row["list_id"]][name] for name in _OF_LIST}
            head |= {"invtNo": row["customs_no"], "reason": reason.strip()}
            own = filing.profile(home, row["exporter"])
            new = NewDocument("605", own.id, head, list_id=row["list_id"])
            filed = filing.file(c, home, own, new)
            told.append(Told(row["cop_no"], row["order_no"], own.id, "filed", filed.cop_no))
        crash_point("cancellations-filing")
    return told


def amend(home: Home, words: Sequence[str], exporter: str | None = None) -> list[Told]:
    """Let the changed content of these orders go as the next version of their lists.

    The next run checks it, the next cut-off issues it (appType 2). Raises RefusedError for a
    list that customs has approved, and one whose order has not changed; nothing changes then.
    """
    with transaction(home.engine) as c:
        rows = filing.find(c, home.store, words, exporter).rows
        for row in rows.iter_rows(named=True):
            if is_approved(row["status"], row["customs_no"]):
                raise RefusedError("LIST_APPROVED", row["cop_no"], cop_no=row["cop_no"])
            if versions.amend(c, [row["list_id"]]) == 0:
                raise RefusedError("NOTHING_TO_AMEND", row["order_no"])
        crash_point("lists-amending")
    return _told(rows, "amended")


def ignore(home: Home, words: Sequence[str], exporter: str | None = None) -> list[Told]:
    """Put aside what files told of these orders after their lists were issued."""
    with transaction(home.engine) as c:
        rows = filing.find(c, home.store, words, exporter).rows
        for row in rows.iter_rows(named=True):
            if versions.ignore(c, [row["order_id"]]) == 0:
                raise RefusedError("NOTHING_TO_AMEND", row["order_no"])
    return _told(rows, "ignored")


def resend(home: Home, words: Sequence[str], exporter: str | None = None) -> list[Told]:
    """Orders whose list customs refused or cancelled go again although nothing has changed."""
    with transaction(home.engine) as c:
        rows = filing.find(c, home.store, words, exporter).rows
        for row in rows.iter_rows(named=True):
            if versions.resend(c, [row["order_id"]]) == 0:
                raise RefusedError("NOTHING_TO_RESEND", row["order_no"])
    return _told(rows, "resent")


def _told(rows: pl.DataFrame, done: str) -> list[Told]:
    return [
        Told(row["cop_no"], row["order_no"], row["exporter"], done)
        for row in rows.iter_rows(named=True)
    ]
