"""Manifests as the page shows them (清单批次): the registry's row and the sealed index."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from xborder.manifests import content, package
from xborder.registry import queries
from xborder.registry.database import reading
from xborder.registry.home import Home
from xborder.registry.manifests import PUBLISHED


class DamagedError(RuntimeError):
    """The stored ZIP is not what was issued."""


@dataclass(frozen=True)
class Shown:
    """A manifest's row, and its ``manifest.json``; None while it is being made or missing."""

    row: Any
    index: dict[str, Any] | None


def listed(home: Home, day: date | None, exporter: str | None, most: int) -> list[Shown]:
    """The newest manifests, of one business day or exporter where given."""
    with reading(home.engine) as connection:
        rows = queries.manifests(connection, day, exporter)
    return [_shown(home, _Row(row)) for row in reversed(rows[-most:])]


def one(home: Home, number: str) -> Shown | None:
    """A manifest by its number, or None."""
    with reading(home.engine) as connection:
        row = queries.manifest(connection, number)
    return _shown(home, _Row(row)) if row else None


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


def _shown(home: Home, row: Any) -> Shown:
    if row.state != PUBLISHED:
        return Shown(row, None)
    try:
        text = home.store.read_bytes((*content.place(row), package.INDEX))
        return Shown(row, json.loads(text))
    except (FileNotFoundError, ValueError):
        return Shown(row, None)
