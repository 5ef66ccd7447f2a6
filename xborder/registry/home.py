"""A home folder (工作目录) opened for work: its settings, registry, store, profiles and tables."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from xborder import settings as settings_module
from xborder.findings import Both
from xborder.registry.database import connect, migrate
from xborder.registry.store import Store
from xborder.schemas import exporters, tables
from xborder.schemas.exporters import Exporter
from xborder.schemas.tables import Tables
from xborder.settings import Settings

FOLDERS = ("landing", "exporters", "uploads", "manifests", "reports", "outbox", "inbox", "dagster")

PATTERN = "exporters/pattern.toml.txt"
"""A profile to fill in; not ``.toml``, so that it is no exporter."""


class NoHomeError(FileNotFoundError):
    """The folder is no xborder home yet."""


@dataclass(frozen=True)
class Home:
    """An opened home. ``engine`` is migrated; profiles and tables are read when asked for."""

    settings: Settings
    engine: Engine
    store: Store

    @cached_property
    def _profiles(self) -> tuple[dict[str, Exporter], dict[str, list[Both]]]:
        return exporters.load_usable(self.settings.exporters, self.tables)

    @property
    def exporters(self) -> dict[str, Exporter]:
        """The exporters by id, those with a usable profile; raises ``schemas.tables.TableError``."""
        return self._profiles[0]

    @property
    def broken_profiles(self) -> dict[str, list[Both]]:
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
    """Make an empty home: its folders, commented settings and a profile to fill in.

    An existing home is kept.
    """
    for name in FOLDERS:
        (path / name).mkdir(parents=True, exist_ok=True)
    for written, text in (("xborder.toml", _SETTINGS), (PATTERN, _PROFILE)):
        if not (path / written).exists():
            (path / written).write_text(text, "utf-8")


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
            Both(
                f"{settings.home}: 不是工作目录；请用 --home 或 XBORDER_HOME 指定，"
                "或新建：xborder init 目录",
                f"{settings.home}: is no xborder home; name yours with --home or XBORDER_HOME, or "
                "make one with: xborder init FOLDER",
            )
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
# postal_key_file = "/etc/xborder/postal.key"                # default: <home>.postal.key
# postal_days = 60                                           # where a profile keeps postal data
# annotated_bytes = 2097152                                  # larger files: annotated when asked
"""

_PROFILE = """\
# 企业档案样例 A profile to fill in: save it as exporters/<id>.toml, e.g. exporters/my-firm.toml.
id = "my-firm"                  # 与文件名一致 as the file is named; the folder in landing/
name = "示例有限公司"           # 企业名称 the firm's name
code = "4414960XXX"             # 海关注册编码 customs code, 10 characters
dxp_id = "DXPENT0000000000"     # 传输编号 sender of the messages

# [postal]                      # 收件人资料：不写则不读取 never read without this
# keep = true                   # 加密保存，供物流企业使用 kept encrypted, for the logistics firm

# 每个店铺一段 one part for each shop
[[shops]]
id = "web"                      # 店铺 the folder in landing/my-firm/
channel = "shopify"             # 订单文件的平台 whose order files: template, shopify, amazon, ebay, etsy …
mode = "9610"                   # 监管方式 9610 | 9710 | 9810
statistics_flag = "A"           # A 简化申报 simplified | B 汇总申报 consolidated
customs_code = "6041"           # 申报地海关 declared here: xborder tables show customs_office
port_code = "5317"              # 出境地海关 leaves there: the same table
platform_code = "无"            # 境外平台没有代码填 无 for a foreign platform without a code
platform_name = "Shopify"       # 平台名称
# transport_mode = "5"          # 运输方式 xborder tables show transport_mode
# time_zone = "America/New_York"  # 订单时间的时区 of the order times, where the file says none
# agent_code = "4414980XXX"     # 申报企业 declarant; without it the firm itself
# agent_name = "示例报关有限公司"
"""
