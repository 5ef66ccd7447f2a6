"""Manifests as the page shows them (清单批次): the registry's row and the sealed index."""

import json
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from xborder.manifests import content, package
from xborder.registry import manifest_messages, manifest_states, queries
from xborder.registry.customs_states import Rules
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.registry.manifests import PUBLISHED


class DamagedError(RuntimeError):
    """The stored ZIP is not what was issued."""


MOST_LISTS = 500
"""Lists of a manifest that are shown with their states; those that need a hand come first."""

MOST_RECEIPTS = 200
"""Answers of a manifest that are shown, the newest first."""

NEEDS_A_HAND = ("failed", "refused")


@dataclass(frozen=True)
class Shown:
    """A manifest's row, and its ``manifest.json``; None while it is being made or missing.

    ``customs``: how many of its lists are in which state at customs, ``lists`` the first of them.
    ``messages``: those that are sent from here; ``receipts`` the newest of its ``answers``.
    """

    row: Any
    index: dict[str, Any] | None
    customs: dict[str, int] = field(default_factory=dict)
    lists: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    answers: int = 0


def listed(home: Home, day: date | None, exporter: str | None, most: int) -> list[Shown]:
    """The newest manifests, of one business day or exporter where given."""
    with reading(home.engine) as connection:
        rows = queries.manifests(connection, day, exporter)[-most:]
        counts = manifest_states.counts(connection, Rules(home.tables), [one["id"] for one in rows])
    return [_shown(home, _Row(row), counts[row["id"]]) for row in reversed(rows)]


def one(home: Home, number: str) -> Shown | None:
    """A manifest by its number with the first of its lists, or None."""
    rules = Rules(home.tables)
    with reading(home.engine) as connection:
        row = queries.manifest(connection, number)
        if row is None:
            return None
        customs = manifest_states.counts(connection, rules, [row["id"]])[row["id"]]
        lists = manifest_states.lists_of(connection, rules, row["id"])
        messages = manifest_messages.messages_of(connection, row["id"])
        receipts, answers = manifest_messages.receipts_of(
            connection, rules, row["id"], MOST_RECEIPTS
        )
    lists.sort(key=lambda one: one["state"] not in NEEDS_A_HAND)
    return replace(
        _shown(home, _Row(row), customs),
        lists=lists[:MOST_LISTS], messages=messages, receipts=receipts, answers=answers,
    )  # fmt: skip


def words(home: Home) -> dict[str, tuple[str, str]]:
    """The states of lists at customs, in Chinese and English."""
    return Rules(home.tables).words


def archive(home: Home, row: Any) -> bytes:
    """The ZIP, checked. Raises FileNotFoundError, and DamagedError for a wrong checksum."""
    data: bytes = home.store.path(*content.archive_place(row)).read_bytes()
    if package.digest(data) != row.sha256:
        raise DamagedError(f"the ZIP of {row.number} has another checksum than the registry")
    return data


def iso_currencies(home: Home) -> dict[str, str]:
    """Customs' currency numbers → ISO 4217 letters, for readers of English."""
    return {number: iso for iso, number in home.tables.currency_to_customs.items()}


class _Row:
    """A mapping's keys as attributes, as the rows of a select have them."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _shown(home: Home, row: Any, customs: dict[str, int]) -> Shown:
    if row.state != PUBLISHED:
        return Shown(row, None, customs)
    try:
        text = home.store.read_bytes((*content.place(row), package.INDEX))
        return Shown(row, json.loads(text), customs)
    except (FileNotFoundError, ValueError):
        return Shown(row, None, customs)
