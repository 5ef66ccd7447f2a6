"""A slip of the operator or of one firm is said clearly, and the others go on."""

from pathlib import Path

import pytest
from pipeline_homes import EXAMPLES, command, make_home
from pipeline_shop import FIRM, Shop, order, shipment

OTHER = "dapu-ciyun"


def test_a_profile_with_errors_stops_its_own_firm_only(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    other = make_home(shop.path, "b2b", exporter=OTHER) / "exporters" / f"{OTHER}.toml"
    sound = other.read_text("utf-8")
    shop.orders("orders.csv", order("A"), order("B"))
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.work()
    accepted = shop.states()
    other.write_text(sound.replace('mode = "9710"', 'mode = "9711"'), "utf-8")
    waiting = shop.path / "landing" / OTHER / "b2b" / "late.csv"
    waiting.write_text("late", "utf-8")
    shop.shipments("more.csv", shipment("B", "W2"))
    issued = shop.work(issue=True)
    home = shop.home()
    assert (list(home.exporters), list(home.broken_profiles)) == ([FIRM], [OTHER])
    assert "shops[2].mode" in home.broken_profiles[OTHER][0]
    assert waiting.exists()
    assert shop.states()["B"] == ("declared", "")
    own = {number: state for number, state in accepted.items() if number not in ("A", "B")}
    # What was accepted under the sound profile was issued; what was held stays as it was.
    assert {number: shop.states()[number][1] for number in own} == {
        number: codes for number, (_, codes) in own.items()
    }
    assert FIRM in {one.exporter for one in issued}
    other.write_text(sound, "utf-8")
    shop.work()
    assert not waiting.exists()
    assert shop.receipt("late.csv")["state"] == "refused"


def test_a_file_read_before_its_profile_broke_waits(tmp_path: Path) -> None:
    from xborder.registry import landing

    shop = Shop(tmp_path / "home")
    shop.orders("orders.csv", order("A"))
    home = shop.home()
    landing.take_in(home.engine, home.settings, home.exporters)
    profile = shop.path / "exporters" / f"{FIRM}.toml"
    sound = profile.read_text("utf-8")
    profile.write_text("id = 1", "utf-8")
    shop.work()
    assert shop.receipt("orders.csv")["state"] == "landed"
    profile.write_text(sound, "utf-8")
    shop.work()
    assert shop.receipt("orders.csv")["state"] == "checked"


@pytest.mark.slow
def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "b2b", exporter=OTHER)
    (home / "exporters" / f"{FIRM}.toml").write_text("id = 1", "utf-8")
    done = command(home, "run")
    assert f"exporters/{FIRM}.toml" in done.stderr and "1 " in done.stdout
    assert "declared" in done.stdout
    far = command(home, "run", "--date", "2020-01-01", check=False)
    assert (far.returncode, "no day of this home" in far.stderr) == (3, True)
    home.with_name("home.key").rename(tmp_path / "aside")
    (home / "landing" / OTHER / "b2b" / "late.csv").write_text("late", "utf-8")
    keyless = command(home, "run", check=False)
    assert (keyless.returncode, "KeyFileError the key file" in keyless.stderr) == (3, True)
    (home / "tables").mkdir()
    (home / "tables" / "unit.csv").write_text("code,name\n", "utf-8")
    (home / "tables" / "tables.toml").write_text(
        '[[table]]\nname = "unit"\nfile = "unit.csv"\nvalid_from = 2026-01-01\n'
        'sha256 = "00"\nsource = "own"\nconfidence = "high"\n',
        "utf-8",
    )
    orders = str(EXAMPLES / "landing" / OTHER / "b2b" / "01_B2B订单.xlsx")
    for words in (("run",), ("check", orders, "--exporter", OTHER, "--shop", "b2b")):
        told = command(home, *words, check=False)
        assert (told.returncode, "table unit: unit.csv, the version from" in told.stderr) == (
            2,
            True,
        ), told.stderr
        assert "Traceback" not in told.stderr
