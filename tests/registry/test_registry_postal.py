"""Postal data: read only where a profile asks, sealed each for its order, masked, deleted in time."""

import csv
import io
import sqlite3
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
import registry_steps
from pipeline_homes import make_home
from sqlalchemy import Engine

from xborder import clock
from xborder.registry import annotations, database, landing, mappings, originals, postal, readings
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home
from xborder.registry.originals import KeyFileError
from xborder.registry.postal import OrderKey, SealError

DAY = date(2026, 11, 22)
NOW = "2026-11-22T10:00:00+08:00"
SHOP = ("dapu-ciyun", "shopify", "shopify-us")
HEAD = [
    "Name", "Email", "Financial Status", "Currency", "Shipping", "Created at",
    "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Shipping Name",
    "Shipping Address1", "Shipping City", "Shipping Zip", "Shipping Country", "Shipping Phone",
    "Cancelled at",
]  # fmt: skip
FIRST = [
    "#1", "zhang@mail.example", "paid", "USD", "0", "2026-11-20 10:00:00 -0800", "1", "Cup", "10",
    "DP-MG-004", "张三", "1 Marker Lane", "Sampleville", "90210", "US", "13800001234", "",
]  # fmt: skip


def file(*rows: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEAD, *rows])
    return text.getvalue().encode()


def changed(row: list[str], **told: str) -> list[str]:
    names = {name.replace(" ", "_"): at for at, name in enumerate(HEAD)}
    made = list(row)
    for name, value in told.items():
        made[names[name]] = value
    return made


def work(home: Home, data: bytes, name: str, at: str = NOW) -> int:
    with clock.fixed(at):
        landing.submit_stream(home.settings, io.BytesIO(data), name, SHOP[0], SHOP[2])
        landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
        readings.read_uploads(home.engine, home.store, home.settings, home.exporters, home.tables)
    with reading(home.engine) as c:
        return int(c.exec_driver_sql("SELECT max(id) FROM uploads").scalar_one())


def kept(home: Home, *numbers: str) -> dict[str, dict[str, str]]:
    keys = [OrderKey(*SHOP, one) for one in numbers]
    return {key.order_no: said for key, said in postal.get(home.settings, keys)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home")
    profile = made / "exporters" / "dapu-ciyun.toml"
    text = profile.read_text("utf-8")
    before, _, shops = text.partition("[[shops]]")
    profile.write_text(f"{before}[postal]\nkeep = true\n\n[[shops]]{shops}", "utf-8")
    return open_home(made)


def test_nothing_is_read_or_made_without_the_profiles_word(tmp_path: Path) -> None:
    home = open_home(make_home(tmp_path / "home"))
    work(home, file(FIRST), "a.csv")
    assert not postal.place(home.settings).exists() and not home.settings.postal_key.exists()


def test_an_orders_postal_data_are_kept_whole(home: Home) -> None:
    second = changed(
        FIRST, Name="#2", Shipping_Name="John Smith", Shipping_Address1="2 Quoted, St\nrear"
    )
    more = ["#2", *[""] * 5, "1", "Mug", "3", "DP-MG-004", *[""] * 7]
    cancelled = changed(FIRST, Name="#3", Cancelled_at="2026-11-20 12:00:00 -0800")
    work(home, file(FIRST, second, more, cancelled), "a.csv")
    told = kept(home, "#1", "#2", "#3")
    assert told["#1"] == {
        "name": "张三", "phone": "13800001234", "email": "zhang@mail.example",
        "address1": "1 Marker Lane", "city": "Sampleville", "postcode": "90210", "country": "US",
    }  # fmt: skip
    assert told["#2"]["name"] == "John Smith" and told["#2"]["address1"] == "2 Quoted, St\nrear"
    assert "#3" not in told, "an order that is not exported needs none"
    assert postal.count(home.settings) == 2


def test_a_copy_at_hand_is_read_as_the_original_is_and_none_is_held_afterwards(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypt = originals.decrypt_io
    monkeypatch.setattr(originals, "LEAST_AT_HAND", 0)
    monkeypatch.setattr(originals, "decrypt_io", None)
    work(home, file(FIRST), "a.csv")
    with clock.fixed(NOW):
        landing.submit_stream(home.settings, io.BytesIO(b"?"), "refused.csv", SHOP[0], "unknown")
        (refused,) = landing.take_in(home.engine, home.settings, home.exporters, day=DAY)
        rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
        assert refused.code and readings.read_uploads(*rooms) == []
    assert kept(home, "#1")["#1"]["name"] == "张三"
    lies = originals.place(home.settings, refused.sha256)
    assert originals.AT_HAND.take(home.settings, lies) is None
    monkeypatch.setattr(originals, "decrypt_io", decrypt)
    assert originals.intact(home.settings, refused.sha256)


def test_the_store_tells_nothing_without_its_key(home: Home) -> None:
    work(home, file(FIRST), "a.csv")
    raw = postal.place(home.settings).read_bytes()
    for value in (
        "张三",
        "13800001234",
        "zhang@mail.example",
        "Marker Lane",
        "Sampleville",
        "90210",
    ):
        assert value.encode() not in raw
    assert home.settings.postal_key.stat().st_mode & 0o077 == 0
    key = home.settings.postal_key.read_text()
    home.settings.postal_key.unlink()
    with pytest.raises(KeyFileError, match="missing"):
        kept(home, "#1")
    home.settings.postal_key.write_text("ab" * 32)
    with pytest.raises(SealError):
        kept(home, "#1")
    assert postal.problems(home.settings) == ["the postal record of order #1 is damaged"]
    home.settings.postal_key.write_text(key)
    assert postal.problems(home.settings) == [] and kept(home, "#1")


def test_a_record_cannot_stand_for_another_order(home: Home) -> None:
    work(home, file(FIRST, changed(FIRST, Name="#2", Shipping_Name="李四")), "a.csv")
    with sqlite3.connect(postal.place(home.settings)) as c:
        nonces = [row[0] for row in c.execute("SELECT nonce FROM postal")]
        assert len(set(nonces)) == 2
        c.execute(
            "UPDATE postal SET (nonce, sealed) = (SELECT nonce, sealed FROM postal WHERE "
            "order_no = '#1') WHERE order_no = '#2'"
        )
    with pytest.raises(SealError):
        kept(home, "#2")


def test_a_later_file_replaces_and_the_same_again_does_not(home: Home) -> None:
    work(home, file(FIRST), "a.csv")
    work(home, file(changed(FIRST, Shipping_City="Elsewhere")), "b.csv")
    assert kept(home, "#1")["#1"]["city"] == "Elsewhere"
    work(home, file(FIRST), "a.csv")
    assert kept(home, "#1")["#1"]["city"] == "Elsewhere", "known bytes change nothing"


def test_a_corrected_copy_corrects_an_address_and_undoes_none(home: Home) -> None:
    first = work(home, file(FIRST, changed(FIRST, Name="#2")), "a.csv")
    rooms = (home.engine, home.store, home.settings, home.exporters, home.tables)
    with clock.fixed(NOW):
        book = openpyxl.load_workbook(io.BytesIO(annotations.of_upload(*rooms, first)))
    work(home, file(changed(FIRST, Name="#2", Shipping_City="Newer")), "b.csv")
    book.worksheets[1].cell(2, HEAD.index("Shipping City") + 1).value = "Corrected"
    target = io.BytesIO()
    book.save(target)
    work(home, target.getvalue(), "back.xlsx")
    told = kept(home, "#1", "#2")
    assert (told["#1"]["city"], told["#2"]["city"]) == ("Corrected", "Newer")


def test_a_channels_renamed_header_that_was_accepted_loses_no_postal_data(home: Home) -> None:
    data = file(FIRST).replace(b"Lineitem quantity", b"Lineitem qty")
    work(home, data, "a.csv")
    assert kept(home, "#1") == {}
    text = (
        'layout = "shopify_orders"\nbase = "shopify_orders"\n'
        '[[column]]\nfield = "qty"\naliases = ["Lineitem qty"]\n'
    )
    with database.transaction(home.engine) as c:
        _, _, layout = mappings.accept(c, SHOP[0], text, by="Li")
        assert len(mappings.take_up(c, home.store, SHOP[0], layout)) == 1
    work(home, file(changed(FIRST, Name="#2")), "b.csv")
    assert set(kept(home, "#1", "#2")) == {"#1", "#2"}


def test_records_go_when_their_time_is_over_or_they_are_asked_to(home: Home) -> None:
    work(home, file(FIRST), "a.csv")
    later = "2026-12-22T10:00:00+08:00"
    work(home, file(changed(FIRST, Name="#2"), changed(FIRST, Name="#3")), "b.csv", later)
    over = datetime.fromisoformat(NOW) + timedelta(days=home.settings.postal_days, minutes=1)
    assert postal.expire(home.settings, over - timedelta(minutes=2)) == 0
    assert postal.expire(home.settings, over) == 1
    assert postal.forget(home.settings, [OrderKey(*SHOP, "#2"), OrderKey(*SHOP, "#9")]) == 1
    assert set(kept(home, "#1", "#2", "#3")) == {"#3"}


def test_a_key_inside_the_home_is_refused(tmp_path: Path, home: Home) -> None:
    inside = open_home(home.settings.home, postal_key_file=home.settings.home / "key")
    with pytest.raises(KeyFileError, match="outside"):
        work(inside, file(FIRST), "a.csv")


@pytest.mark.parametrize(("name", "text", "shown"), [
    ("name", "张三丰", "张**"), ("name", "李", "李*"), ("name", "John Smith", "J*** S***"),
    ("phone", "138-0000-1234", "138****1234"), ("phone", "+44 20 7946 0958", "442****0958"),
    ("phone", "12345", "****"), ("email", "zhang@mail.example", "z***@***"),
    ("postcode", "90210", "90***"), ("postcode", "101", "***"), ("address1", "1 Marker Lane", "1***"),
])  # fmt: skip
def test_what_is_shown_is_masked(name: str, text: str, shown: str) -> None:
    assert postal.masked({name: text}) == {name: shown}


def test_orders_are_found_by_manifest_day_and_number(engine: Engine) -> None:
    with database.transaction(engine) as c:
        registry_steps.upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        registry_steps.check(c, held=("2",))
        number = registry_steps.issue(c)
        issued = postal.orders_of(c, manifest=number)
        assert issued["order_no"].to_list() == ["1"] and issued["manifest"].to_list() == [number]
        assert issued.row(0)[:3] == ("dapu", "template", "shop")
        assert postal.orders_of(c, day=registry_steps.DAY).equals(issued)
        assert postal.orders_of(c, day=registry_steps.DAY, exporter="other").is_empty()
        (held,) = postal.orders_of(c, order_no="2").to_dicts()
        assert (held["manifest"], held["cop_no"]) == (None, None)
