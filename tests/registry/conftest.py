"""A registry on SQLite and on PostgreSQL; the same tests run on both."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from registry_steps import wipe
from sqlalchemy import Engine

from xborder.registry import database

FRESH = count(1)


def _as_ordinary_user(*command: str) -> list[str]:
    # PostgreSQL refuses to run as root.
    return ["runuser", "-u", "nobody", "--", *command] if os.geteuid() == 0 else [*command]


def _run_server(program: str, *arguments: str) -> None:
    # Not inherited: the server would keep the pipe open for as long as it runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            _as_ordinary_user(program, *arguments), stdout=said, stderr=said, cwd="/", check=False
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode(errors="replace")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Folder of the socket of a PostgreSQL server of our own."""
    initdb, pg_ctl = shutil.which("initdb"), shutil.which("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not on the path: tests run on SQLite only")
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and runuser is not on the path")
    folder = tempfile.mkdtemp(prefix="xbpg")
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    Path(folder).chmod(0o755)
    data = f"{folder}/data"
    _run_server(initdb, "-D", data, "-U", "xborder", "-A", "trust", "-E", "UTF8", "--no-locale")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    _run_server(pg_ctl, "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        engine = database.connect(_url(folder, "postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.exec_driver_sql("CREATE DATABASE migrated")
        engine.dispose()
        engine = database.connect(_url(folder, "migrated"))
        database.migrate(engine)
        engine.dispose()
        yield folder
    finally:
        _run_server(pg_ctl, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _url(folder: str, name: str) -> str:
    return f"postgresql+psycopg2://xborder@/{name}?host={folder}"


def _create(folder: str, template: str) -> str:
    name = f"registry{next(FRESH)}"
    admin = psycopg2.connect(host=folder, user="xborder", dbname="postgres")
    admin.autocommit = True
    admin.cursor().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    admin.close()
    return _url(folder, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    return _create(request.getfixturevalue("postgres"), "template0")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty registry."""
    if request.param == "postgresql":
        # One database for all, emptied: making one anew costs a quarter of a second.
        address = _url(request.getfixturevalue("postgres"), "migrated")
        engine = database.connect(address)
        wipe(engine)
        engine.dispose()
        return address
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    engine = database.connect(address)
    database.migrate(engine)
    engine.dispose()
    return address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An empty registry."""
    opened = database.connect(url)
    yield opened
    opened.dispose()
