"""The resource through which assets reach the home folder. It hands out plain objects; what is
done with them belongs to the rooms below."""

from datetime import date
from pathlib import Path

from dagster import Config, ConfigurableResource

from xborder import clock
from xborder.registry.home import Home, open_home


class HomeResource(ConfigurableResource):
    """The home folder; an empty path means ``XBORDER_HOME``."""

    path: str = ""

    def open(self) -> Home:
        """The opened home; profiles and tables are read afresh each time."""
        return open_home(Path(self.path) if self.path else None)


class LiveRun(Config):
    """Whether a run may take in files and issue manifests for its day.

    By default only today's partition does: re-running a past day shows and re-renders what it
    issued, and moves nothing. ``xborder run --date`` asks for a day explicitly.
    """

    live: bool | None = None

    def is_live(self, day: date) -> bool:
        """True for today, or when asked for."""
        return self.live if self.live is not None else day == clock.today()


class TakeIn(LiveRun):
    """Which landed files a run takes: marks of those that stood still for two ticks, or all."""

    settled: list[str] | None = None
