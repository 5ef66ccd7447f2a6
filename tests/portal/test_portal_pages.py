import hashlib
import io
import re
import string
import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import portal_site
import pytest
import receipt_homes

from xborder import findings, portal
from xborder.findings import names
from xborder.portal import language, receipt
from xborder.portal.language import preferred, texts
from xborder.registry import answers, queries
from xborder.registry.database import reading

TEMPLATES = Path(portal.__file__).parent / "templates"


def uploads(worked, **asked):
    with reading(worked.engine) as c:
        return queries.uploads(c, **asked)


def rows_of(html):
    """Tables' rows as lists of cell texts."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows)
    return [[" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in row] for row in cells]


@pytest.mark.parametrize("lang", language.LANGUAGES)
@pytest.mark.parametrize("address", ["/", "/uploads", "/manifests", "/stock", "/findings"])
def test_pages_speak_the_language_asked_for(page, address, lang):
    reply = page.get(address, params={"lang": lang})
    assert reply.status_code == 200
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in reply.text
    assert texts()["menu.manifests"][lang] in reply.text
    main = reply.text.split("<main")[1].split("</main>")[0]
    assert bool(re.search("[一-鿿]{2}", main)) or lang == "en"


def test_the_language_is_remembered_and_else_the_browsers(worked):
    client = portal_site.visitor(worked, lang="en-GB,en;q=0.9")
    assert "Hand in a file" in client.get("/").text
    client.get("/uploads?lang=zh")
    assert "交一份文件" in client.get("/").text


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "zh"),
        ("fr,de", "zh"),
        ("zh-TW,en;q=0.9", "zh"),
        ("fr,en;q=0.4,zh;q=0.3", "en"),
        ("en;q=x,zh;q=0.1", "zh"),
    ],
)
def test_accept_language(header, chosen):
    assert preferred(header) == chosen


def test_every_text_that_a_template_names_is_there_and_every_text_is_named():
    used = set()
    sources = [*TEMPLATES.glob("*.html"), *TEMPLATES.parent.glob("*.py")]
    written = "".join(path.read_text("utf-8") for path in sources)
    used |= set(re.findall(r'"([a-z_]+\.[a-z_0-9]+)"', written))
    named = set(re.findall(r't\.named\("([a-z_]+)"', written))
    prefixes = set(re.findall(r't\("([a-z_]+)\." \+', written))
    missing = {key for key in re.findall(r'\bt\("([a-z_.0-9]+)"[,)]', written)} - set(texts())
    assert not missing
    left = {
        key
        for key in texts()
        # What the data's own words are called is shared with the terminal.
        if key not in used and key.split(".")[0] not in named | prefixes | {"error", *names()}
    }
    assert not left


def test_both_languages_of_a_text_take_the_same_places():
    for key, said in texts().items():
        places = [
            {name for _, name, _, _ in string.Formatter().parse(t) if name} for t in said.values()
        ]
        assert places[0] == places[1], key


def test_a_receipts_counts_stand_on_the_page_and_add_up(worked, page):
    for upload in uploads(worked, kind="orders"):
        with reading(worked.engine) as c:
            told = queries.receipt(c, upload.id)
        html = page.get(f"/uploads/{upload.id}").text
        counted = html.split('class="counts"')[1].split("</table>")[0]
        rows = [row for row in rows_of(counted) if row and row[1].replace(",", "").isdigit()]
        shown = [int(row[1].replace(",", "")) for row in rows]
        assert sum(shown[:-1]) == shown[-1] == told["rows"] > 0
        assert "rows in all, as in the file" in html
        widths = [int(n) for n in re.findall(r'<rect[^>]* width="(\d+)"', html)]
        assert sum(widths) == 1000 and len(widths) == len(shown) - 1


def test_every_finding_stands_at_its_cell_with_value_and_what_to_do(worked, page):
    upload = max(
        uploads(worked, kind="orders"),
        key=lambda one: answers.findings_of(worked.engine, worked.store, one.id).height,
    )
    found = answers.findings_of(worked.engine, worked.store, upload.id)
    assert found.height > 5
    for lang in language.LANGUAGES:
        html = page.get(f"/uploads/{upload.id}", params={"lang": lang}).text
        for row in found.iter_rows(named=True):
            told = findings.explain(row)
            article = html.split(f'id="{row["code"]}"')[1].split("</article>")[0]
            places = " ".join(" ".join(one) for one in rows_of(article))
            assert row["cell"] in places
            assert str(row["order_no"] or "") in places
            if row["value"]:
                assert page_text(str(row["value"])) in article
            if found.filter(code=row["code"]).height == 1:
                assert page_text(str(told[f"message_{lang}"])) in article
                assert page_text(str(told[f"fix_{lang}"])) in article


def page_text(text):
    import markupsafe

    return str(markupsafe.escape(text))


def answer(found: pl.DataFrame, told: int | None = None) -> answers.Answer:
    """Findings of one code as the registry tells them, of which ``told`` are at hand."""
    totals = found.group_by("code", "severity").agg(
        pl.len().cast(pl.Int64).alias("cells"), pl.col("order_no").n_unique().alias("orders")
    )
    return answers.Answer(found[:told], totals)


def test_causes_fill_in_what_is_shared_and_leave_open_what_differs():
    found = findings.to_frame(
        [
            findings.Finding(
                "LINE_TOTAL_DIFFERS", file="a.csv", row=n, cell=f"D{n}", value=str(n),
                expected="9", params={"qty": "2", "price": str(n)},
            )
            for n in (2, 3)
        ]
    )  # fmt: skip
    (cause,) = receipt.causes(answer(found), "en", "a.csv")
    assert cause.message == "quantity 2 × price … = 9, but the total says …"
    assert not cause.alike
    assert [place["message"] for place in cause.first] == [
        "quantity 2 × price 2 = 9, but the total says 2",
        "quantity 2 × price 3 = 9, but the total says 3",
    ]
    assert cause.first[0]["file"] == ""
    assert receipt.causes(answer(found), "en", "b.csv")[0].first[0]["file"] == "a.csv"
    (cause,) = receipt.causes(answer(found, told=1), "en", "a.csv")
    assert (cause.count, cause.hidden) == (2, 1)
    assert cause.message == "quantity … × price … = …, but the total says …"


def test_many_places_are_bounded_and_told():
    many = receipt.MOST_PLACES + 7
    found = findings.to_frame(
        [findings.Finding("AMOUNT_MISSING", row=n, cell=f"D{n}") for n in range(2, many + 2)]
    )
    (cause,) = receipt.causes(answer(found), "zh", "")
    assert (cause.count, len(cause.first), cause.hidden) == (many, receipt.OPEN_PLACES, 7)


def test_the_smallest_share_of_the_bar_is_seen_and_the_bar_is_full():
    told = {"accepted": 1_000_000, "declared": 0, "held": 1, "excluded": 1, "duplicate": 0}
    segments = receipt.bar(told)
    assert [one.state for one in segments] == ["accepted", "held", "excluded"]
    assert min(one.width for one in segments) > 0
    assert sum(one.width for one in segments) == 1000
    assert receipt.bar(dict.fromkeys(told, 0)) == []


def test_the_annotated_file_is_the_users_own_with_its_findings(worked, page):
    upload = next(
        one
        for one in uploads(worked, kind="orders")
        if answers.findings_of(worked.engine, worked.store, one.id).height
    )
    reply = page.get(f"/uploads/{upload.id}/annotated.xlsx")
    assert reply.status_code == 200
    stem = Path(upload.file_name).stem
    assert reply.headers["content-disposition"].startswith(f'attachment; filename="{stem}')
    sheets = openpyxl.load_workbook(io.BytesIO(reply.content))
    said = {str(v) for sheet in sheets for row in sheet.values for v in row if v is not None}
    code = answers.findings_of(worked.engine, worked.store, upload.id).item(0, "code")
    assert any(code in one for one in said)


def test_a_refused_file_says_why(worked, page):
    refused = uploads(worked, state="refused")
    assert refused
    for one in refused:
        html = page.get(f"/uploads/{one.id}").text
        assert "This file cannot be used" in html and str(one.code) in html


def test_a_manifest_is_listed_shown_and_downloaded_whole(worked, page):
    with reading(worked.engine) as c:
        manifests = queries.manifests(c)
    assert manifests
    listed = page.get("/manifests").text
    for row in manifests:
        assert f'/manifests/{row["number"]}.zip"' in listed
    row = manifests[0]
    html = page.get(f"/manifests/{row['number']}").text
    data = page.get(f"/manifests/{row['number']}.zip")
    assert hashlib.sha256(data.content).hexdigest() == row["sha256"]
    assert row["sha256"] in html
    assert data.headers["content-disposition"].startswith(
        f'attachment; filename="{row["number"]}.zip"'
    )
    with zipfile.ZipFile(io.BytesIO(data.content)) as packed:
        for name in packed.namelist():
            digest = hashlib.sha256(packed.read(name)).hexdigest()
            plain = name.split("/")[-1]
            if plain not in ("manifest.json", "SHA256SUMS"):
                assert plain in html and digest in html


def test_manifests_are_chosen_by_day_and_exporter(worked, page):
    with reading(worked.engine) as c:
        manifests = queries.manifests(c)
    none = page.get("/manifests", params={"date": "2020-01-01"}).text
    assert "They appear after the cut-off" in none
    for exporter in ("dapu-ciyun", "pingyuan-mujia"):
        html = page.get("/manifests", params={"exporter": exporter}).text
        shown = set(re.findall(r'href="/manifests/(XB\d+)"', html))
        assert shown == {row["number"] for row in manifests if row["exporter"] == exporter}
    assert page.get("/manifests", params={"date": "never"}).status_code == 200


def test_a_damaged_zip_is_not_given_out(worked, tmp_path):
    worked.engine.dispose()
    home = portal_site.copied(worked, tmp_path / "home")
    with reading(home.engine) as c:
        number = queries.manifests(c)[0]["number"]
    archive = next(home.settings.home.glob(f"manifests/*/{number}.zip"))
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    reply = portal_site.visitor(home).get(f"/manifests/{number}.zip")
    assert reply.status_code == 500 and "xborder verify" in reply.text
    assert reply.headers["content-type"].startswith("text/html")


def test_the_stock_report_is_shown_without_rights_and_downloaded(page):
    day = portal_site.DAY.isoformat()
    html = page.get("/stock").text
    assert f"/stock/{day}/stock.html" in html
    shown = page.get(f"/stock/{day}/stock.html")
    assert shown.status_code == 200
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "script" not in shown.headers["content-security-policy"]
    for name in ("stock.xlsx", "stock.parquet"):
        reply = page.get(f"/stock/{day}/{name}")
        assert reply.status_code == 200
        assert f'filename="stock_{day}.' in reply.headers["content-disposition"]


def test_the_catalogue_holds_every_finding(page):
    html = page.get("/findings").text
    assert all(f'<tr id="{code}">' in html for code in findings.catalogue())


@pytest.mark.parametrize("lang", language.LANGUAGES)
@pytest.mark.parametrize("kind", ["orders", "goods", "shipments", "prices", "stock"])
def test_templates_are_workbooks(page, kind, lang):
    reply = page.get(f"/templates/{kind}.xlsx", params={"lang": lang})
    assert reply.status_code == 200
    assert openpyxl.load_workbook(io.BytesIO(reply.content)).sheetnames
    name = reply.headers["content-disposition"]
    assert ("%E6%A8%A1%E6%9D%BF" in name) == (lang == "zh")


def test_a_manifest_tells_how_far_its_lists_are_at_customs(tmp_path: Path) -> None:
    home = portal_site.worked_home(tmp_path / "home")
    answer = receipt_homes.answer
    one, two = [
        row[0] for row in receipt_homes.table(home, "SELECT cop_no FROM lists ORDER BY id LIMIT 2")
    ]
    receipt_homes.tell(
        home, answer(one, "399", 1, ebcCode=""), answer(two, "100", 2, "毛重不符", ebcCode="")
    )
    receipt_homes.tell(home, answer(one, "777", 3, ebcCode=""))
    receipt_homes.receive(home)
    with reading(home.engine) as c:
        numbers = [row["number"] for row in queries.manifests(c)]
    for lang, approved, refused in (("en", "approved", "refused"), ("zh", "审结", "退单")):
        site = portal_site.visitor(home, lang=lang)
        pages = "".join(site.get(f"/manifests/{number}").text for number in numbers)
        assert f'customs-approved">{approved} 399</span>' in pages and "777" in pages
        assert f'customs-refused">{refused} 100</span>' in pages and one in pages
        assert f"60412026E{int(one[-9:]):09d}" in pages
        listed = site.get("/manifests").text
        assert f'customs-approved">{approved}' in listed and f'customs-refused">{refused}' in listed
