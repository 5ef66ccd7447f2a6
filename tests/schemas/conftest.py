"""A good row with something changed, checked."""

from collections.abc import Callable

import polars as pl
import pytest
from schemas_rows import GOOD

from xborder import schemas


@pytest.fixture(scope="session")
def good() -> dict[str, dict[str, str]]:
    return GOOD


@pytest.fixture(scope="session")
def check() -> Callable[..., list[tuple[str, str]]]:
    """(field, code) pairs of a good row with the given values changed."""

    def run(name: str, **changed: str | None) -> list[tuple[str, str]]:
        columns = dict.fromkeys(schemas.columns(name), pl.String())
        found = schemas.violations(name, pl.DataFrame([GOOD[name] | changed], schema=columns))
        return list(zip(found["field"].to_list(), found["code"].to_list(), strict=True))

    return run
