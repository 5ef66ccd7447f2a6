"""Fixtures of the manifests room."""

from collections.abc import Callable

import polars as pl
import pytest
from lxml import etree
from manifest_samples import frame, head_rows, item_rows, schema_file


@pytest.fixture
def lists() -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """``lists(count, lines)``: heads and goods lines of some lists."""

    def made(
        count: int = 2, lines: int = 1, **changed: object
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        heads = head_rows(count, **changed)
        return frame(heads), frame(item_rows(heads, lines))

    return made


@pytest.fixture(scope="session")
def official_schema() -> etree.XMLSchema:
    """The official XSD of the export messages (2022-05), which is no part of the project."""
    found = schema_file()
    if found is None:
        pytest.skip("the official XSD (../shared/ceb/xsd-2022-05) is not here")
    return etree.XMLSchema(etree.parse(found))


@pytest.fixture(scope="session")
def conforms() -> Callable[[bytes], None]:
    """Checks a message against the official XSD where that is here, else that it is well-formed.

    For tests that prove something else as well and therefore run everywhere.
    """
    found = schema_file()
    schema = etree.XMLSchema(etree.parse(found)) if found else None

    def check(content: bytes) -> None:
        root = etree.fromstring(content)
        if schema is not None:
            schema.assertValid(root)

    return check
