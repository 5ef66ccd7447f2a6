"""A home folder (工作目录) opened for work: its settings, registry, store, profiles and tables."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from xborder import settings as settings_module
from xborder.registry.database import connect, migrate
from xborder.registry.store import Store
from xborder.schemas import exporters, tables
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables
from xborder.settings import Settings

FOLDERS = ("landing", "exporters", "uploads", "manifests", "reports", "outbox", "inbox", "dagster")


class NoHomeError(FileNotFoundError):
    """The folder is no xborder home yet."""


@dataclass(frozen=True)
class Home:
    """An opened home. ``engine`` is migrated; profiles and tables are read when asked for."""

    settings: Settings
    engine: Engine
    store: Store

    @cached_property
    def _profiles(self) -> tuple[dict[str, Exporter], dict[str, list[str]]]:
        return exporters.load_usable(self.settings.exporters, self.tables)

    @property
    def exporters(self) -> dict[str, Exporter]:
        """The exporters by id, those with a usable profile; raises ``schemas.tables.TableError``."""
        return self._profiles[0]

    @property
    def broken_profiles(self) -> dict[str, list[str]]:
        """The other exporters by id, with what is wrong in their profiles. Their files stay in
        the landing zone, and their orders as they are, until it is put right."""
        return self._profiles[1]

    @property
    def exporter_names(self) -> dict[str, str]:
        """Exporters' display names by id."""
        return {one.id: one.name for one in self.exporters.values()}

    @cached_property
    def tables(self) -> Tables:
        """Code tables, tariff and rates in force; raises ``schemas.tables.TableError``."""
        return tables.load(self.settings.home / "tables")


def create(path: Path) -> None:
    """Make an empty home: its folders and a commented settings file. An existing home is kept."""
    for name in FOLDERS:
        (path / name).mkdir(parents=True, exist_ok=True)
    written = path / "xborder.toml"
    if not written.exists():
        written.write_text(_SETTINGS, "utf-8")


def make_landing(home: Home) -> None:
    """Make the folder of each known shop in the landing zone, so that one sees where to drop."""
    for exporter in home.exporters.values():
        for shop in exporter.shops:
            (home.settings.landing / exporter.id / shop.id).mkdir(parents=True, exist_ok=True)


def open_home(path: Path | None = None, **overrides: Any) -> Home:
    """Open a home; raises NoHomeError when the folder was never made one."""
    settings = settings_module.load(path, **overrides)
    if not (settings.home / "landing").is_dir():
        raise NoHomeError(
            f"{settings.home}: 不是工作目录 is no xborder home; 请用 --home 或 XBORDER_HOME 指定 name "
            "yours with --home or XBORDER_HOME, 或新建 or make one with: xborder init FOLDER"
        )
    engine = connect(settings.database)
    migrate(engine)
    return Home(settings=settings, engine=engine, store=Store(settings.storage))


_SETTINGS = """\
# Settings of this xborder home. What stands here commented is the default.
# registry_url = "postgresql+psycopg2://user@host/xborder"   # default: registry.db in this folder
# store_url = "s3://bucket/xborder"                          # default: this folder
# key_file = "/etc/xborder/originals.key"                    # default: <home>.key beside this folder
# cutoff_times = ["12:00", "20:00"]                          # Asia/Shanghai
# stock_report_time = "07:00"
# lists_per_manifest = 1000
# app_status = "2"                                           # 1 only stores at the e-port
# held_share_warning = 0.2
# originals_days = 90
"""
