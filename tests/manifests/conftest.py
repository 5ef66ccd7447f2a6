"""Fixtures of the manifests room."""

from collections.abc import Callable

import polars as pl
import pytest
from lxml import etree
from manifest_samples import SHARED, frame, head_rows, item_rows


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
    folder = SHARED / "ceb" / "xsd-2022-05"
    found = sorted(folder.glob("*出口业务节点报文定义202205.xsd"))
    if not found:
        pytest.skip("the official XSD (../shared/ceb/xsd-2022-05) is not here")
    return etree.XMLSchema(etree.parse(found[0]))
