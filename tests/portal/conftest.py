from collections.abc import Iterator
from pathlib import Path

import portal_site
import pytest
from starlette.testclient import TestClient

from xborder import clock
from xborder.registry.home import Home


@pytest.fixture(autouse=True)
def one_clock() -> Iterator[None]:
    with clock.fixed(portal_site.NOW):
        yield


@pytest.fixture(scope="session")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return portal_site.worked_home(tmp_path_factory.mktemp("portal") / "home")


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = portal_site.empty_home(tmp_path_factory.mktemp("blank") / "home")
    home.engine.dispose()
    return home


@pytest.fixture
def fresh(blank: Home, tmp_path: Path) -> Home:
    return portal_site.copied(blank, tmp_path / "home")


@pytest.fixture(scope="session")
def page(worked: Home) -> TestClient:
    return portal_site.visitor(worked)
