"""Typed settings: the home folder, the registry's and the store's address, limits.

Read from ``<home>/xborder.toml`` and overridden by variables ``XBORDER_*``. What the rules say
with low confidence (how many lists a manifest holds, ``appStatus``, the days that a waybill
number stays taken) is a setting, not a constant.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

HOME_VARIABLE = "XBORDER_HOME"
DEFAULT_HOME = Path("xborder-home")


TimeOfDay = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""HH:MM, Asia/Shanghai."""


class SettingsError(ValueError):
    """The settings cannot be used; each line names the file or variable, the key and why."""


class Settings(BaseSettings):
    """Settings of one home folder (工作目录)."""

    model_config = SettingsConfigDict(env_prefix="XBORDER_", extra="forbid", frozen=True)

    home: Path = DEFAULT_HOME
    registry_url: str = Field("", description="SQLAlchemy URL; default: SQLite in the home")
    store_url: str = Field("", description="fsspec URL of lake and manifests; default: the home")
    key_file: Path | None = Field(None, description="age identity for originals, outside the home")
    lists_per_manifest: int = Field(1000, ge=1, le=100_000)
    lists_per_message: int = Field(100, ge=1, le=100, description="CEB: at most 100 entities")
    app_status: str = Field("2", pattern="^[12]$", description="CEB appStatus; 1 declares nothing")
    waybill_months: int = Field(6, ge=1, description="a logistics number is unique this long (R24)")
    cutoff_times: tuple[TimeOfDay, ...] = Field(("12:00", "20:00"), description="Asia/Shanghai")
    stock_report_time: TimeOfDay = "07:00"
    held_share_warning: float = Field(0.2, ge=0, le=1)
    originals_days: int = Field(90, ge=1, description="originals are kept this long")
    postal_key_file: Path | None = Field(None, description="key of the postal data, outside it")
    postal_days: int = Field(60, ge=1, description="postal data are kept this long")
    annotated_bytes: int = Field(
        2 * 1024 * 1024, ge=0, description="larger files are annotated only when somebody asks"
    )
    send_attempts: int = Field(12, ge=1, description="a message is tried so often by itself")
    refused_app_type: str = Field(
        "1", pattern="^[12]$", description="of a corrected list that was refused without invtNo"
    )
    bill_lists: int = Field(1000, ge=1, le=99_999, description="waybills of one piece of a CEB607")
    stuck_hours: int = Field(48, ge=1, description="an answer of customs is missed after these")
    host: str = "127.0.0.1"
    page_port: int = 8700
    dagster_port: int = 8701
    reader_memory_mib: int = Field(1024, ge=256)
    reader_cpu_seconds: int = Field(20, ge=1)
    declaration_lines: int = Field(50, ge=1, description="lines of one declaration (R19)")
    consolidated_modes: tuple[Annotated[str, Field(pattern="^(9610|1210)$")], ...] = ("9610",)
    summary_flag: str = Field(
        "2",
        pattern="^[12]$",
        description="CEB701: 2 by consignor and producer; 1 by consignor (R17)",
    )
    item_name_flag_off: str = Field(
        "0", pattern="^[0-9]$", description="CEB701 itemNameFlag where names are not looked at"
    )
    summary_lists: int = Field(1000, ge=1, description="list numbers of one CEB701 message")
    consolidation_days: int = Field(
        5, ge=0, le=14, description="the preview is made so many days before the due day"
    )
    block_rows: int = Field(30_000, ge=1, description="rows that are read and checked at a time")

    @property
    def database(self) -> str:
        """URL of the registry."""
        return self.registry_url or f"sqlite:///{(self.home / 'registry.db').absolute()}"

    @property
    def storage(self) -> str:
        """URL under which lake, manifests and reports lie."""
        return self.store_url or self.home.absolute().as_uri()

    @property
    def key(self) -> Path:
        """The key file of encrypted originals; beside the home, never in it."""
        return self.key_file or self.home.absolute().with_name(self.home.absolute().name + ".key")

    @property
    def postal_key(self) -> Path:
        """The key file of the postal data; beside the home, never in it."""
        beside = self.home.absolute()
        return self.postal_key_file or beside.with_name(beside.name + ".postal.key")

    @property
    def landing(self) -> Path:
        """Where exporters' files land: ``landing/<exporter>/<shop>/``."""
        return self.home / "landing"

    @property
    def exporters(self) -> Path:
        """The exporters' profiles, one TOML file each."""
        return self.home / "exporters"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own folder."""
        return self.home / "dagster"


def load(home: Path | None = None, **overrides: Any) -> Settings:
    """Settings of a home: its ``xborder.toml``, then ``XBORDER_*``, then the overrides.

    Raises SettingsError.
    """
    folder = Path(home or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()
    file = folder / "xborder.toml"
    try:
        written = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error
    environment = {
        name: os.environ[variable]
        for name in Settings.model_fields
        if (variable := f"XBORDER_{name.upper()}") in os.environ
    }
    kept = {name: value for name, value in written.items() if name not in environment}
    try:
        return Settings(**(kept | {"home": folder} | overrides))
    except ValidationError as error:
        told = [f"{file}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise SettingsError("\n".join(told)) from error
