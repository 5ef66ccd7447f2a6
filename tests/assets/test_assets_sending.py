"""``sent_messages``: the day's run sends by the profile's way; without one it does not run."""

from pathlib import Path

import pytest
from pipeline_homes import EXPORTER, command, make_home

from xborder import clock
from xborder.assets import sending as assets
from xborder.manifests import sending
from xborder.registry.home import open_home

pytestmark = pytest.mark.slow


def test_a_run_sends_what_it_issued(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b", "shopify-us")
    profile = home / "exporters" / f"{EXPORTER}.toml"
    profile.write_text(profile.read_text("utf-8") + '\n[sending]\ntransport = "outbox"\n', "utf-8")
    command(home, "run", "--date", "2026-11-22")
    issued = {path.read_bytes() for path in (home / "manifests").rglob("CEB*.xml")}
    left = {path.read_bytes() for path in (home / "outbox" / EXPORTER).glob("*.xml")}
    assert left == issued and left
    with clock.fixed("2026-11-22T12:00:00+08:00"):
        assert not sending.due(open_home(home))
    command(home, "verify")


def test_a_home_without_a_transport_sends_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b", "shopify-us")
    command(home, "run", "--date", "2026-11-22")
    assert not list((home / "outbox").iterdir())
    assert not (home / ".sending").exists()


def test_checks_of_sending_only_warn() -> None:
    (check,) = assets.CHECKS
    assert not any(spec.blocking for spec in check.check_specs)
