"""Issued messages against the official XSD (报文定义), where its files are at hand.

The product does not contain the XSD: an office or a vendor of the client has it. Every rule of
it is in our schemas already; this looks at what was really written.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree
from sqlalchemy import Engine

from xborder.manifests import content
from xborder.manifests.verification import Problem, beside
from xborder.registry import queries
from xborder.registry.database import reading
from xborder.registry.store import Store


class SchemaFileError(ValueError):
    """The XSD cannot be read; the text says why."""


def conform(
    engine: Engine,
    store: Store,
    xsd: Path,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Problem]:
    """What the XSD finds in the messages of all published manifests, oldest first, and in those
    that lie beside their packages.

    ``xsd`` is the file of the export messages; what it includes must lie beside it. One message
    after another is in memory; ``progress`` is told how many manifests of how many are done.
    Raises SchemaFileError.
    """
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    try:
        schema = etree.XMLSchema(etree.parse(xsd, parser))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise SchemaFileError(f"{xsd}: {error}") from error
    with reading(engine) as connection:
        issued = [row for row in queries.manifests(connection) if row["state"] == "published"]
    for done, row in enumerate(issued, start=1):
        folder = (content.FOLDER, row["business_date"].isoformat(), row["number"])
        for path in sorted(store.path(*folder).iterdir(), key=lambda one: one.name):
            if path.suffix == ".xml":
                yield from _broken(schema, parser, row["number"], path.name, path.read_bytes())
        progress(done, len(issued))
    for one in beside(engine):
        path = store.path(*one.path.split("/"))
        if path.is_file():
            name = f"CEB{one.kind} {one.guid}"
            yield from _broken(schema, parser, name, one.path, path.read_bytes())


def _broken(
    schema: etree.XMLSchema, parser: etree.XMLParser, number: str, name: str, message: bytes
) -> Iterator[Problem]:
    try:
        tree = etree.fromstring(message, parser)
    except etree.XMLSyntaxError as error:
        yield Problem(number, name, f"is no XML: {error}")
        return
    if not schema.validate(tree):
        for one in schema.error_log:
            yield Problem(number, name, f"line {one.line}: {one.message}")
