"""``xborder tables``: what an import shows, asks, brings into force, refuses and undoes."""

import hashlib
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pipeline_homes import command
from pipeline_shop import DAY, FIRM, Shop, order, shipment
from typer.testing import CliRunner

from xborder import clock
from xborder.cli import app
from xborder.registry import audit
from xborder.registry.database import reading
from xborder.registry.home import create, open_home
from xborder.registry.tables import audit as audit_table
from xborder.schemas import library, table_files, tables

HEAD = "商品编码,商品名称,法定第一单位,法定第二单位,海关监管条件"
CUP, HORSE = "6911101900,瓷餐具,千克,,", "0101210010,濒危野马,千克,头,AFEB"
ENDED = ("--valid-from", "2026-11-01", "--valid-to", "2026-12-31")
NOW = "2026-11-22T10:00:00+08:00"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    create(folder)
    monkeypatch.setenv("XBORDER_HOME", str(folder))
    monkeypatch.setenv("XBORDER_LANG", "en")
    monkeypatch.setenv(clock.FIXED_BY, NOW)
    return folder


def run(*words: str, code: int = 0, say: str | None = None) -> str:
    result = CliRunner().invoke(app, ["tables", *words], input=say)
    assert result.exit_code == code, result.output
    return result.output


def write(folder: Path, *rows: str, head: str = HEAD, encoding: str = "utf-8") -> str:
    path = folder / "table.csv"
    path.write_bytes("\n".join([head, *rows, ""]).encode(encoding))
    return str(path)


def bring(tmp_path: Path, *rows: str, more: tuple[str, ...] = (), code: int = 0) -> str:
    return run("import", write(tmp_path, *rows), "--yes", *more, code=code)


def state(home: Path) -> dict[str, bytes]:
    """Every file of the tables folder but the lock, and the audit trail's length."""
    with reading(open_home(home).engine) as connection:
        told: dict[str, bytes] = {"audit": str(audit.head(connection)[0]).encode()}
    for path in sorted((home / "tables").glob("*")):
        if path.name != ".lock":
            told[path.name] = path.read_bytes()
    return told


def test_an_import_shows_asks_and_comes_into_force(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path, CUP, HORSE, encoding="gb18030")
    before = state(home)
    shown = run("import", path, "--dry-run", *ENDED)
    assert "0101210010" in shown and "dry run" in shown
    assert "nothing was changed" in run("import", path, *ENDED, say="n\n", code=1)
    assert state(home) == before
    words = ("--source", "GACC 2026", "--confidence", "high", "--complete", "--verified")
    assert "in force" in run("import", path, *ENDED, *words, say="y\n")
    (entry,) = tomllib.loads((home / "tables" / "tables.toml").read_text("utf-8"))["table"]
    data = (home / "tables" / entry["file"]).read_bytes()
    assert entry == {
        "name": "tariff", "kind": "tariff", "valid_from": date(2026, 11, 1),
        "valid_to": date(2026, 12, 31), "source": "GACC 2026", "confidence": "high",
        "complete": True, "file": entry["file"], "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    held = tables.load(home / "tables")
    assert held.tariff(DAY)["hs_code"].to_list() == ["0101210010", "6911101900"]
    assert held.tariff(DAY)["unit_verified"].all() and held.tariff_is_complete(DAY)
    with reading(open_home(home).engine) as connection:
        told = connection.execute(audit_table.select()).one()
        assert audit.verify(connection) is None
    assert (told.kind, told.subject) == ("table imported", "tariff")
    assert told.payload["sha256"] == entry["sha256"]
    assert told.payload["version"] == held.version


def test_the_same_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    bring(tmp_path, CUP)
    before = state(home)
    assert "in force already" in bring(tmp_path, CUP)
    assert state(home) == before
    assert "--replace" in bring(tmp_path, HORSE, code=2)
    assert state(home) == before
    bring(tmp_path, HORSE, more=("--replace",))
    assert tables.load(home / "tables").tariff(DAY)["hs_code"].is_in(["0101210010"]).any()
    assert len(tomllib.loads((home / "tables" / "tables.toml").read_text("utf-8"))["table"]) == 1


def test_versions_stand_side_by_side_and_are_undone(home: Path, tmp_path: Path) -> None:
    bring(tmp_path, CUP, more=("--complete", *ENDED))
    bring(tmp_path, HORSE, more=("--complete", "--valid-from", "2027-01-01"))
    held = tables.load(home / "tables")
    assert held.tariff(date(2026, 12, 31))["hs_code"].to_list() == ["6911101900"]
    assert held.tariff(date(2027, 1, 1))["hs_code"].to_list() == ["0101210010"]
    listed = run()
    assert "not yet" in listed and "in force, complete" in listed and "home" in listed
    assert "0101210010" in run("show", "tariff", "--on", "2027-01-01", "--code", "0101")
    assert "has no 0101" in run("show", "tariff", "--code", "0101", code=1)
    overlap = ("--valid-from", "2026-12-31", "--valid-to", "2026-12-31")
    assert "overlap" in bring(tmp_path, CUP, more=overlap, code=2)
    assert "2026-11-02" in run("remove", "tariff", "--valid-from", "2026-11-02", "--yes", code=2)
    run("remove", "tariff", "--valid-from", "2026-11-01", say="n\n", code=1)
    run("remove", "tariff", "--valid-from", "2026-11-01", "--yes")
    run("remove", "tariff", "--valid-from", "2027-01-01", "--yes")
    assert tables.load(home / "tables").tariff(DAY).equals(tables.packaged().tariff(DAY))


def test_a_hand_written_manifest_keeps_its_words(home: Path, tmp_path: Path) -> None:
    (home / "tables").mkdir()
    rates = b"currency,valid_from,cny\nUSD,2026-01-01,7.2\n"
    (home / "tables" / "rates.csv").write_bytes(rates)
    text = (
        '# ours\n[[table]]\nname = "exchange_rate" # monthly\nfile = "rates.csv"\n'
        f'valid_from = 2026-01-01\nsha256 = "{hashlib.sha256(rates).hexdigest()}"\n'
        'source = "bank"\nconfidence = "low"\n'
    )
    (home / "tables" / "tables.toml").write_text(text, "utf-8")
    bring(tmp_path, CUP)
    assert (home / "tables" / "tables.toml").read_text("utf-8").startswith(text)
    run("remove", "tariff", "--valid-from", str(DAY), "--yes")
    assert (home / "tables" / "tables.toml").read_text("utf-8").strip() == text.strip()


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        (["6911101900,瓷,蒲式耳,,"], (), "TABLE_VALUE_UNKNOWN"),
        ([CUP, CUP], (), "TABLE_KEY_TWICE"),
        ([], (), "NO_DATA_ROWS"),
        ([CUP], ("--sha256", "0" * 64), "the checksum differs"),
        ([CUP], ("--valid-from", "2026-12-01", "--valid-to", "2026-11-30"), "lies before"),
        ([CUP], ("--valid-from", "tomorrow"), "YYYY-MM-DD"),
        ([CUP], ("--name", "colour"), "--name"),
        ([CUP], ("--name", "unit"), "TABLE_COLUMNS_MISSING"),
        ([CUP], ("--confidence", "certain"), "high | medium | low"),
        ([CUP, "6911101900"], (), "RAGGED_ROW"),
    ],
)
def test_what_is_refused_leaves_what_was_in_force(
    home: Path, tmp_path: Path, rows: list[str], words: tuple[str, ...], said: str
) -> None:
    bring(tmp_path, HORSE, more=("--valid-from", "2026-01-01"))
    before = state(home)
    assert said in bring(tmp_path, *rows, more=words, code=2)
    assert state(home) == before


def test_a_shorter_table_that_others_need_is_refused(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "001,台", head="代码,名称")
    told = run("import", path, "--name", "unit", "--yes", code=2)
    assert "not in the table unit" in told and not (home / "tables").exists()


def test_a_profile_that_would_break_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    shop = Shop(tmp_path / "home")
    monkeypatch.setenv("XBORDER_HOME", str(shop.path))
    offices = tables.packaged().customs_offices
    zones = tables.packaged().pilot_zone_offices(DAY)
    path = write(tmp_path, *(f"{code},{offices[code]}" for code in zones), head="关区代码,关区名称")
    assert f"! {FIRM}" in run("import", path, "--name", "customs_office", "--dry-run")


def test_held_orders_are_checked_again_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "home")
    monkeypatch.setenv("XBORDER_HOME", str(shop.path))
    monkeypatch.setenv(clock.FIXED_BY, NOW)
    shop.shipments("shipments.csv", shipment("A", "W1"))
    shop.orders("first.csv", order("A"))
    shop.work()
    assert shop.states()["A"] == ("accepted", "")
    whole = ("--complete", "--valid-from", str(DAY))
    bring(tmp_path, HORSE, more=whole)
    shop.orders("second.csv", order("B"))
    shop.shipments("more.csv", shipment("B", "W2"))
    shop.work()
    assert shop.states()["B"] == ("held", "HS_CODE_NOT_IN_TARIFF")
    goods = shop.findings("second.csv").filter(code="HS_CODE_NOT_IN_TARIFF").item(0, "value")
    bring(tmp_path, HORSE, f"{goods},印刷电路,块,千克,", more=(*whole, "--replace"))
    shop.work()
    assert shop.states()["B"] == ("accepted", "")


@pytest.mark.slow
@pytest.mark.parametrize("point", ["table-written", "table-audited"])
def test_a_crash_leaves_what_was_in_force_and_the_same_command_goes_on(
    tmp_path: Path, point: str
) -> None:
    home = tmp_path / "home"
    create(home)
    words = ("tables", "import", write(tmp_path, CUP), "--yes")
    assert command(home, *words, crash_at=point, check=False).returncode == -9
    assert tables.load(home / "tables") is tables.packaged()
    command(home, *words)
    assert "tariff" in tables.load(home / "tables").names


def test_a_disk_that_refuses_leaves_what_was_in_force(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xborder.registry import store

    bring(tmp_path, HORSE)
    before = (home / "tables" / "tables.toml").read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    assert "no space left" in bring(tmp_path, CUP, more=("--replace",), code=2)
    assert (home / "tables" / "tables.toml").read_bytes() == before
    assert not list((home / "tables").glob(".writing-*"))


PAST = ("--name", "exchange_rate", "--valid-from", "2023-01-01", "--valid-to", "2023-12-31")


def _rates(tmp_path: Path) -> str:
    return write(tmp_path, "USD,2023-01-01,6.95", head="币制,生效日期,汇率")


def test_a_table_of_a_past_year_shows_what_it_changes_today(home: Path, tmp_path: Path) -> None:
    shown = run("import", _rates(tmp_path), *PAST, "--yes")
    assert "today 2026-11-22: nothing changes" in shown
    assert "88" in next(
        line for line in run().splitlines() if "packaged" in line and "_rate" in line
    )
    open_ended = run("import", _rates(tmp_path), *PAST[:4], "--yes", "--replace", "--dry-run")
    assert "exchange_rate  ·  today 2026-11-22" in open_ended and "88" in open_ended


def test_a_csv_of_the_release_can_be_imported(home: Path) -> None:
    data = Path(tables.__file__).parent / "data" / "rules" / "declaration_elements.csv"
    shown = run("import", str(data), "--name", "declaration_elements", "--dry-run")
    assert [line.split()[-1] for line in shown.splitlines() if "added" in line] == ["0"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_damaged_table_is_told_and_can_be_taken_out_or_replaced(
    home: Path, tmp_path: Path, lang: str
) -> None:
    run("import", _rates(tmp_path), *PAST, "--yes")
    (file,) = (home / "tables").glob("*.csv")
    whole = file.read_bytes()
    file.write_bytes(whole + b"x")
    said = "被改动过" if lang == "zh" else "has been changed"
    for words in (["manifests"], ["stock"], ["verify"], ["tables"], ["run"], ["facts"]):
        ended = CliRunner().invoke(app, [*words, "--lang", lang])
        assert ended.exit_code == (1 if words == ["verify"] else 2), ended.output
        assert said in ended.output and "Traceback" not in ended.output
        assert not (ended.exception and not isinstance(ended.exception, SystemExit))
    run("import", _rates(tmp_path), *PAST, "--yes", code=2)
    run("import", _rates(tmp_path), *PAST, "--yes", "--replace")
    assert file.read_bytes() == whole
    file.write_bytes(whole + b"x")
    run("remove", "exchange_rate", "--valid-from", "2023-01-01", "--yes")
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0


def test_a_schema_that_cannot_be_used_is_told_in_a_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise library.SchemaError("ceramics.schema.json#/allOf/1: unknown keyword requiredd")

    monkeypatch.setattr(table_files, "draft", broken)
    ended = CliRunner().invoke(app, ["tables", "import", _rates(tmp_path), *PAST])
    assert ended.exit_code == 2 and "unknown keyword requiredd" in ended.output
