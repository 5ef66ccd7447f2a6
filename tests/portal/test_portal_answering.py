"""Answers on the page: what is asked, what is taken, what is refused, and taking it back."""

import re
from pathlib import Path
from typing import Any

import portal_site
import pytest
from starlette.testclient import TestClient

from xborder import clock
from xborder.portal import own_rows
from xborder.registry import fixes
from xborder.registry.database import reading
from xborder.registry.home import Home

EXPORTER = "dapu-ciyun"
ORIGIN = {"origin": f"http://127.0.0.1:{portal_site.PORT}", "sec-fetch-site": "same-origin"}
UNKNOWN = portal_site.SHOPIFY.replace(",US,", ",Germny,").replace("NO-SUCH-SKU", "DP-MG-004")


@pytest.fixture
def held(worked: Home, tmp_path: Path) -> Home:
    """A home with an order that awaits nothing but the meaning of a word."""
    home = portal_site.copied(worked, tmp_path / "home")
    key = worked.settings.key
    home.settings.key.write_bytes(key.read_bytes())
    client = portal_site.visitor(home)
    portal_site.hand_in(client, UNKNOWN.replace("#1,", "#77001,"))
    portal_site.work(home)
    return home


def post(client: TestClient, path: str, **told: str) -> Any:
    said = {"token": portal_site.token(client)} | told
    return client.post(path, data=said, headers=ORIGIN)


def standing(home: Home) -> list[tuple[str, ...]]:
    with reading(home.engine) as c:
        told = fixes.standing(c, EXPORTER)
    return [tuple(row) for row in told.select("kind", "key", "field", "value", "given_by").rows()]


def states(home: Home) -> dict[str, str]:
    with reading(home.engine) as c:
        found = c.exec_driver_sql("SELECT order_no, codes FROM orders WHERE order_no = '#77001'")
        return dict(found.tuples().all())


def test_a_word_is_answered_once_and_its_orders_are_taken_up(held: Home) -> None:
    client = portal_site.visitor(held)
    shown = client.get(f"/answers/{EXPORTER}").text
    assert "Germny" in shown and 'value="country"' in shown and "Germany" in shown
    assert "COUNTRY_UNKNOWN" in states(held)["#77001"]
    told = {"kind": "country", "key": "Germny", "value.": "Germany", "by": "Li Mei"}
    reply = post(client, f"/answers/{EXPORTER}", **told)
    assert reply.status_code == 303 and "done=given" in reply.headers["location"]
    assert standing(held) == [("country", "Germny", "", "DE", "Li Mei")]
    portal_site.work(held)
    assert "COUNTRY_UNKNOWN" not in states(held)["#77001"]
    after = client.get(reply.headers["location"].partition("#")[0]).text
    assert "Li Mei" in after and "Recorded." in after
    number = re.search(r'name="number" value="([0-9]+)"', after)
    assert number
    reply = post(client, f"/answers/{EXPORTER}/revoke", number=number[1], by="Wu")
    assert reply.status_code == 303 and standing(held) == []
    portal_site.work(held)
    assert "COUNTRY_UNKNOWN" in states(held)["#77001"]


@pytest.mark.parametrize(("told", "status", "says"), [
    ({"value.": "Atlantis", "by": "Li"}, 422, "not in the table"),
    ({"value.": "DE", "by": " "}, 422, "Please give your name"),
    ({"value.": "", "by": "Li"}, 422, "choose a suggestion"),
    ({"kind": "port", "value.": "DE", "by": "Li"}, 400, ""),
    ({"kind": "sku", "key": "X-1", "value.hs_code": "1234", "by": "Li"}, 422, "Not recorded: X-1"),
    ({"kind": "sku", "key": "X-1", "value.colour": "red", "by": "Li"}, 422, "no such field"),
    ({"value.": "DE", "by": "<b>Li</b>", "kind": "country", "key": "United States"}, 422, "known"),
])  # fmt: skip
def test_what_cannot_be_right_is_not_recorded(
    held: Home, told: dict[str, str], status: int, says: str
) -> None:
    client = portal_site.visitor(held)
    reply = post(client, f"/answers/{EXPORTER}", **({"kind": "country", "key": "Germny"} | told))
    assert reply.status_code == status and says in reply.text
    assert standing(held) == []


def test_a_foreign_site_an_old_page_and_a_strange_form_change_nothing(held: Home) -> None:
    client = portal_site.visitor(held)
    path = f"/answers/{EXPORTER}"
    told = {"kind": "country", "key": "Germny", "value.": "DE", "by": "Li"}
    token = portal_site.token(client)
    foreign = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    for answer in (
        client.post(path, data=told | {"token": token}, headers=foreign),
        client.post(path, data=told | {"token": "x" * 32}, headers=ORIGIN),
        client.post(path, data=told, headers=ORIGIN),
        client.post(path, files={"file": ("a", b"b")}, data=told, headers=ORIGIN),
        client.post(path, content=b"kind=%ff%fe&key", headers=ORIGIN | {
            "content-type": "application/x-www-form-urlencoded"}),
        client.post(path, data=told | {"token": token, "note": "n" * 40_000}, headers=ORIGIN),
        client.post("/answers/nobody", data=told | {"token": token}, headers=ORIGIN),
        client.get(f"{path}/revoke"),
    ):  # fmt: skip
        assert answer.status_code in (400, 403, 404, 405)
    assert standing(held) == []


def test_what_was_written_by_others_stays_text(held: Home) -> None:
    with clock.fixed(portal_site.NOW):
        client = portal_site.visitor(held)
        told = {"kind": "country", "key": "Germny", "value.": "DE", "note": "<i>x</i>"}
        post(client, f"/answers/{EXPORTER}", by="<script>alert(1)</script>", **told)
        shown = client.get(f"/answers/{EXPORTER}").text
    assert standing(held) and "<script>alert" not in shown and "<i>x" not in shown
    assert "&lt;script&gt;alert" in shown


def test_the_menu_leads_there_in_both_languages(held: Home) -> None:
    for lang, says in (("zh", "一次更正"), ("en", "Answers")):
        client = portal_site.visitor(held, lang=lang)
        assert f">{says}</a>" in client.get("/").text
        listed = client.get("/answers").text
        assert f'href="/answers/{EXPORTER}"' in listed
        assert client.get(f"/answers/{EXPORTER}").status_code == 200
    assert client.get("/answers/nobody").status_code == 404


def test_a_receipt_shows_each_cell_in_its_row_and_leads_to_the_answer(held: Home) -> None:
    with reading(held.engine) as c:
        number = c.exec_driver_sql("SELECT max(id) FROM uploads").scalar()
    shown = portal_site.visitor(held).get(f"/uploads/{number}").text
    row = re.search(r'class="its-row".*?</tr>', shown, re.DOTALL)
    assert row and "DP-MG-004" in row[0]
    assert re.search(r'in-row here"><span class="quiet">Shipping Country</span> Germny', shown)
    assert f'href="/answers/{EXPORTER}#COUNTRY_UNKNOWN"' in shown


def test_a_row_of_goods_side_by_side_shows_each_at_its_own_cell() -> None:
    heads = {("", "order_no"): ("A", "No."), ("", "qty"): ("C", "Qty"), ("", "qty#2"): ("F", "Qty")}
    line = {"sheet": "", "row": 2, "order_no": "W-1"}
    first = own_rows._cells(line | {"line_no": "1", "qty": "1"}, heads, {"F2"}, first=True)
    second = own_rows._cells(line | {"line_no": "2", "qty": "0"}, heads, {"F2"}, first=False)
    shown = [(told["cell"], told["value"], not other) for _, other, told in (*first, *second)]
    assert shown == [("A2", "W-1", False), ("C2", "1", False), ("F2", "0", True)]
