"""What a liaison sees of customs: a manifest's messages and receipts, the month, the quarantine."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import portal_site
import pytest
from customs_answers import Answer, answers, guid
from sqlalchemy import text
from starlette.testclient import TestClient

from xborder import clock
from xborder.manifests import receiving, sending
from xborder.registry import queries
from xborder.registry.database import reading
from xborder.registry.home import Home, open_home

REFUSED = "商品编码与申报要素不符 <img src=x>"


def first_of_lists(home: Home) -> str:
    with reading(home.engine) as connection:
        rows = queries.manifests(connection, exporter="dapu-ciyun")
        return next(str(row["number"]) for row in rows if row["kind"] == "lists")


@pytest.fixture(scope="module")
def at_customs(worked: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The worked home, one manifest sent through the outbox and answered; and two bad files."""
    worked.engine.dispose()
    folder = tmp_path_factory.mktemp("customs") / "home"
    home = portal_site.copied(worked, folder)
    shutil.copy(worked.settings.key, home.settings.key)
    profile = folder / "exporters" / "dapu-ciyun.toml"
    profile.write_text(profile.read_text("utf-8") + '\n[sending]\ntransport = "outbox"\n', "utf-8")
    home.engine.dispose()
    home = open_home(folder)
    with clock.fixed("2026-11-22T10:30:00+08:00"):
        sending.send(home, [first_of_lists(home)])
    with home.engine.connect() as c:
        lists = c.execute(
            text("SELECT key FROM filings WHERE kind = '603' ORDER BY id LIMIT 2")
        ).scalars()
        told = [answer(key, *said) for key, said in zip(
            lists, (("399", "20261122110000000", ""), ("-621", "20261122110100000", REFUSED)),
            strict=True)]  # fmt: skip
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / "CEB604.xml").write_bytes(answers(told))
    (inbox / "broken <b>.xml").write_bytes(b"<ceb:CEB604Message")
    with clock.fixed("2026-11-22T11:10:00+08:00"):
        receiving.receive(home, receiving.look(home.settings))
    yield home
    home.engine.dispose()


def answer(key: str, status: str, at: str, said: str) -> Answer:
    values = {
        "agentCode": "4414960T01", "copNo": key, "preNo": "", "invtNo": "604120261" + "0" * 9,
        "ebcCode": "4414960T01", "ebpCode": "无", "orderNo": "1", "statisticsFlag": "B",
        "returnStatus": status, "returnTime": at, "returnInfo": said,
    }  # fmt: skip
    return Answer("604", {"guid": guid(key, status)} | values)


def page(home: Home, address: str, lang: str = "en") -> str:
    answered = portal_site.visitor(home, lang=lang).get(address)
    assert answered.status_code == 200, answered.text[:500]
    return str(answered.text)


def test_a_manifest_left_to_the_client_says_so(worked: Home) -> None:
    told = page(worked, f"/manifests/{first_of_lists(worked)}")
    assert "the client signs them when it sends them" in told and 'id="messages"' not in told


def test_a_manifest_tells_its_messages_and_what_customs_answered(at_customs: Home) -> None:
    number = first_of_lists(at_customs)
    told = page(at_customs, f"/manifests/{number}")
    assert "sends the messages without a signature" in told
    assert "when it sends them: the client signs" not in told
    messages = told[told.index('id="messages"') : told.index('id="receipts"')]
    assert "CEB303" in messages and "CEB603" in messages and "message-sent" in messages
    assert "2026-11-22 10:30" in messages and "outbox" in messages
    receipts = told[told.index('id="receipts"') :]
    assert "CEB604" in receipts and "2026-11-22 11:01" in receipts
    assert "399" in receipts and "-621" in receipts
    assert receipts.index("-621") < receipts.index("2026-11-22 11:00"), "the newest first"
    assert "&lt;img src=x&gt;" in receipts and "<img src=x>" not in receipts
    chinese = page(at_customs, f"/manifests/{number}", "zh")
    assert "海关审结" in chinese or "审结" in chinese
    assert "海关说明" in chinese


def test_signed_messages_are_called_signed(at_customs: Home, tmp_path: Path) -> None:
    at_customs.engine.dispose()
    home = portal_site.copied(at_customs, tmp_path / "home")
    profile = home.settings.home / "exporters" / "dapu-ciyun.toml"
    key = tmp_path / "key.pem"
    key.write_text("no key is read by a page")
    more = f'signing = "rsa-sha1"\nkey_file = "{key}"\ncertificate_file = "{key}"\n'
    profile.write_text(profile.read_text("utf-8") + more, "utf-8")
    told = page(home, f"/manifests/{first_of_lists(home)}")
    assert "xborder signs the messages (rsa-sha1)" in told
    home.engine.dispose()


def test_the_month_shows_what_is_left_out_and_why(at_customs: Home) -> None:
    told = page(at_customs, "/consolidation?month=2026-11")
    assert "2026-12-15" in told, "the due day"
    with reading(at_customs.engine) as connection:
        rows = queries.manifests(connection, exporter="dapu-ciyun")
        number = sum(row["lists"] for row in rows if row["kind"] == "lists")
    shown = told[told.index('id="of-dapu-ciyun"') :]
    assert int(re.search(r"lists left out</dt><dd>(\d+)", shown)[1]) == number  # type: ignore[index]
    assert "not cleared" in shown and "xborder consolidate apply" in told
    assert "No list was issued" in page(at_customs, "/consolidation?month=2020-01")
    for wrong in ("month=x", "month=9999-99", "exporter=nobody", ""):
        assert page(at_customs, f"/consolidation?{wrong}")


def test_files_in_quarantine_are_shown_with_what_to_do(worked: Home, at_customs: Home) -> None:
    assert "No receipt needs a hand" in page(worked, "/receipts")
    told = page(at_customs, "/receipts")
    assert "broken &lt;b&gt;.xml" in told and "<b>.xml" not in told
    assert "xborder receive --dismiss-file 2" in told or "--dismiss-file 1" in told
    assert "隔离" in page(at_customs, "/receipts", "zh")


def test_the_menu_names_both_pages(page: TestClient) -> None:
    told = page.get("/").text
    assert 'href="/consolidation"' in told and 'href="/receipts"' in told
