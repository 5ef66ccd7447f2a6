import hashlib
from pathlib import Path

import portal_site
from portal_site import SHOPIFY, hand_in, in_landing, visitor, work

from xborder.registry import landing, queries
from xborder.registry.database import reading

SHA = hashlib.sha256(SHOPIFY.encode()).hexdigest()


def test_a_file_lands_whole_and_its_page_becomes_the_uploads(fresh):
    client = visitor(fresh)
    reply = hand_in(client, name="订单 11月.csv")
    assert reply.status_code == 303
    place = reply.headers["location"]
    assert place == f"/landed/dapu-ciyun/shopify-us/{SHA}"
    (file,) = landing.look(fresh.settings)
    assert file.path.read_text("utf-8") == SHOPIFY
    assert (file.exporter, file.shop, file.file_name) == (
        "dapu-ciyun",
        "shopify-us",
        "订单 11月.csv",
    )
    waiting = client.get(place)
    assert waiting.status_code == 200
    assert "订单 11月.csv" in waiting.text and f'data-watch="{place}/state"' in waiting.text
    assert client.get(f"{place}/state").json() == {"state": "waiting"}
    assert "订单 11月.csv" in client.get("/uploads").text

    work(fresh)
    taken = client.get(place)
    assert (taken.status_code, taken.headers["location"]) == (303, "/uploads/1")
    assert client.get(f"{place}/state").json() == {"state": "checked"}
    html = client.get("/uploads/1").text
    assert "NO-SUCH-SKU" in html and "data-watch" not in html


def test_the_same_bytes_again_get_the_first_answer_and_count_as_a_delivery(fresh):
    client = visitor(fresh)
    hand_in(client)
    work(fresh)
    again = hand_in(client, name="renamed.csv")
    assert again.headers["location"] == "/uploads/1?again=1"
    assert "The same bytes came in before" in client.get("/uploads/1?again=1").text
    assert client.get("/uploads/1/state").json() == {"state": "checked+"}
    work(fresh)
    with reading(fresh.engine) as c:
        assert len(queries.uploads(c)) == 1
    html = client.get("/uploads/1").text
    assert "renamed.csv" in html and "handed in 2 times" in client.get("/uploads").text


def test_the_same_bytes_for_another_shop_are_another_upload(fresh):
    client = visitor(fresh)
    hand_in(client)
    work(fresh)
    other = hand_in(client, to="dapu-ciyun/shopify-eu")
    assert other.headers["location"] == f"/landed/dapu-ciyun/shopify-eu/{SHA}"


def test_a_refused_file_that_comes_again_is_said_to_be_tried_again(fresh):
    client = visitor(fresh)
    hand_in(client, "nothing,we,know\n1,2,3\n")
    work(fresh)
    assert "This file cannot be used" in client.get("/uploads/1").text
    place = hand_in(client, "nothing,we,know\n1,2,3\n").headers["location"]
    assert "the next run will try it once more" in client.get(place).text


def test_a_kind_and_the_whole_company_travel_with_the_file(fresh):
    client = visitor(fresh)
    reply = hand_in(client, to="dapu-ciyun/-", kind="goods")
    assert reply.headers["location"] == f"/landed/dapu-ciyun/-/{SHA}"
    (file,) = landing.look(fresh.settings)
    assert (file.exporter, file.shop, file.kind) == ("dapu-ciyun", "", "goods")
    assert client.get(reply.headers["location"]).status_code == 200


def test_an_empty_file_lands_and_is_the_readers_to_refuse(fresh):
    client = visitor(fresh)
    assert hand_in(client, b"", name="empty.csv").status_code == 303
    work(fresh)
    assert "FILE_EMPTY" in client.get("/uploads/1").text


def test_names_of_files_are_texts_and_never_paths_or_markup(fresh, tmp_path):
    client = visitor(fresh)
    names = [
        "../../../escape.csv",
        "..\\..\\escape.csv",
        "/etc/escape.csv",
        "C:\\escape.csv",
        "<img src=x onerror=alert(1)>.csv",
        '=HYPERLINK("http://x").csv',
        "a" * 900 + ".csv",
        "\u202egnp.csv",
        ".hidden.csv",
        "~$lock.csv",
    ]
    for number, name in enumerate(names):
        reply = hand_in(client, f"{number}", name=name)
        assert reply.status_code == 303, name
        assert "<img src=x" not in client.get(reply.headers["location"]).text
    files = in_landing(fresh)
    assert len(files) == len(names) == len(landing.look(fresh.settings))
    assert {file.parent for file in files} == {fresh.settings.landing / "dapu-ciyun" / "shopify-us"}
    assert not [p for p in tmp_path.rglob("*escape*") if p not in files]
    assert not Path("/etc/escape.csv").exists()
    html = client.get("/uploads").text
    assert "<img src=x" not in html and "\u202e" not in html
    landing.take_in(fresh.engine, fresh.settings, fresh.exporters)
    html = client.get("/uploads").text
    assert html.count('href="/uploads/') == len(names)
    assert "<img src=x" not in html and "&lt;img src=x onerror=alert(1)&gt;.csv" in html


def test_a_profile_that_comes_or_breaks_shows_without_a_restart(fresh):
    client = visitor(fresh)
    profile = fresh.settings.exporters / "pingyuan-mujia.toml"
    assert "pingyuan-mujia/" in client.get("/").text
    profile.write_text("id = 1", "utf-8")
    html = client.get("/").text
    assert "pingyuan-mujia/" not in html and "dapu-ciyun/" in html
    assert "pingyuan-mujia.toml has errors" in html
    profile.unlink()
    assert "pingyuan-mujia" not in client.get("/").text


def test_a_home_without_exporters_says_so(tmp_path):
    from xborder.registry.home import create, open_home

    create(tmp_path / "home")
    html = portal_site.visitor(open_home(tmp_path / "home")).get("/").text
    assert "There is no exporter" in html and "<form" not in html
