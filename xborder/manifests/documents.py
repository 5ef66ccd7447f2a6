"""The liaison's documents of a manifest, made when somebody asks for them (打印件)."""

from sqlalchemy import Engine

from xborder.manifests import content
from xborder.manifests.content import Checked
from xborder.registry import manifests
from xborder.registry.database import reading
from xborder.registry.store import Store

SHEET, IMPORT = "pdf", "import.xlsx"


class NotIssuedError(LookupError):
    """No manifest of this number, or one that is not published yet."""


class NoDocumentError(ValueError):
    """The manifest has no such document: full declarations have no import workbook."""


def names(kind: str) -> tuple[str, ...]:
    """The documents of a manifest of a kind: the printable sheet, and of lists the workbook for
    offices where they are typed in or imported by hand."""
    return (SHEET, IMPORT) if kind == "lists" else (SHEET,)


def render(engine: Engine, store: Store, number: str, name: str) -> bytes:
    """A document (``SHEET`` or ``IMPORT``) of a published manifest; always the same bytes.

    Raises NotIssuedError, NoDocumentError, and ``content.ContentError`` where the lake lacks
    what the manifest was made from.
    """
    # The PDF and workbook libraries are not for those who only ask which documents there are.
    from xborder.manifests import import_workbook, printed

    with reading(engine) as c:
        row = manifests.issued(c, number)
        if row is None:
            raise NotIssuedError(number)
        if name not in names(row.kind):
            raise NoDocumentError(f"{number} has no {name}")
        group = content.load(c, Checked(store), [row])
    return printed.render(group, row.sha256) if name == SHEET else import_workbook.render(group)
