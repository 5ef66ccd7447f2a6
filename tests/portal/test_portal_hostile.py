import logging

import portal_site
import pytest
from portal_site import PORT, SHOPIFY, SMALL, hand_in, in_landing, token, visitor
from sqlalchemy import text

from xborder.portal.downloads import disposition
from xborder.registry import tables
from xborder.registry.database import reading

OWN = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}


def form(*parts: tuple[str, bytes], boundary: bytes = b"b0", end: bytes = b"--b0--\r\n") -> bytes:
    """A multipart body of (content-disposition parameters, content) parts."""
    body = b""
    for said, content in parts:
        head = f"content-disposition: form-data; {said}".encode()
        body += b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
    return body + end


def post(client, body, *, kind="multipart/form-data; boundary=b0", **headers):
    return client.post("/uploads", content=body, headers={"content-type": kind} | OWN | headers)


def fields(client) -> tuple[tuple[str, bytes], ...]:
    return (
        ('name="token"', token(client).encode()),
        ('name="to"', b"dapu-ciyun/shopify-us"),
        ('name="kind"', b""),
    )


FILE = ('name="file"; filename="a.csv"', SHOPIFY.encode())


def refused(home, reply, status, said=""):
    assert reply.status_code == status, reply.text
    assert said in reply.text
    assert "Traceback" not in reply.text and 'File "' not in reply.text
    assert in_landing(home) == []


def test_the_form_made_by_hand_is_accepted(fresh):
    client = visitor(fresh)
    assert post(client, form(*fields(client), FILE)).status_code == 303
    assert len(in_landing(fresh)) == 1


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", f"evil.example:{PORT}", "127.0.0.1:1", f"127.0.0.1.:{PORT}", ""],
)
def test_other_hosts_are_refused(worked, host):
    reply = visitor(worked).get("/", headers={"host": host})
    assert reply.status_code == 421
    assert "XB" not in reply.text and "dapu" not in reply.text


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_loopback_names_are_served(worked, host):
    assert visitor(worked).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": "http://127.0.0.1:8701"},
        {"origin": f"http://127.0.0.1:{PORT}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_forms_from_other_sites_are_refused(fresh, headers):
    client = visitor(fresh)
    reply = post(client, form(*fields(client), FILE), **headers)
    refused(fresh, reply, 403, "another site")


def test_the_form_needs_its_token_from_this_browser(fresh):
    client = visitor(fresh)
    known = fields(client)
    refused(fresh, post(client, form(*known[1:], FILE)), 403, "nothing was stored")
    wrong = (('name="token"', b"x" * 32), *known[1:])
    refused(fresh, post(client, form(*wrong, FILE)), 403)
    other = visitor(fresh)
    refused(fresh, post(other, form(*known, FILE)), 403)
    empty = (('name="token"', b""), *known[1:])
    refused(fresh, post(visitor(fresh), form(*empty, FILE)), 403)


def test_the_tokens_cookie_never_leaves_the_site(fresh):
    cookie = visitor(fresh).get("/").headers["set-cookie"]
    assert "xborder_form=" in cookie
    assert "SameSite=strict" in cookie and "HttpOnly" in cookie


BAD_FORMS = {
    "no file": lambda known: form(*known),
    "two files": lambda known: form(*known, FILE, FILE),
    "file as text": lambda known: form(*known, ('name="file"', b"a,b\n")),
    "file in another field": lambda known: form(*known, ('name="x"; filename="a"', b"a"), FILE),
    "field twice": lambda known: form(*known, known[1], FILE),
    "no name": lambda known: form(*known, ('x="y"', b"a"), FILE),
    "long field": lambda known: form(*known, ('name="x"', b"a" * 2000), FILE),
    "many fields": lambda known: form(*known, *[(f'name="x{n}"', b"") for n in range(9)], FILE),
    "cut off": lambda known: form(*known, FILE, end=b""),
    "cut off in the boundary": lambda known: form(*known, FILE, end=b"--b0"),
    "nothing": lambda known: b"",
    "long header": lambda known: form(*known, ('name="x"; y="' + "z" * 9000 + '"', b""), FILE),
    "not a form": lambda known: b"\x00" * 3000,
    "no file chosen": lambda known: form(*known, ('name="file"; filename=""', b"")),
    "unknown exporter": lambda known: form(known[0], ('name="to"', b"nobody/shop"), FILE),
    "unknown shop": lambda known: form(known[0], ('name="to"', b"dapu-ciyun/nowhere"), FILE),
    "path as exporter": lambda known: form(known[0], ('name="to"', b"../x"), FILE),
    "path as shop": lambda known: form(known[0], ('name="to"', b"dapu-ciyun/../../x"), FILE),
    "no exporter": lambda known: form(known[0], FILE),
    "unknown kind": lambda known: form(*known[:2], ('name="kind"', b"exe"), FILE),
    "bad bytes": lambda known: form(known[0], ('name="to"', b"\xff\xfe\x00"), FILE),
}


@pytest.mark.parametrize("case", BAD_FORMS)
def test_bad_forms_are_refused_and_leave_nothing(fresh, case):
    client = visitor(fresh)
    reply = post(client, BAD_FORMS[case](fields(client)))
    refused(fresh, reply, 400)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 300,
        "multipart/mixed; boundary=b0",
        "application/json",
    ],
)
def test_other_content_types_are_refused(fresh, kind):
    client = visitor(fresh)
    refused(fresh, post(client, form(*fields(client), FILE), kind=kind), 400)


def test_a_body_that_says_it_is_too_large_is_refused_unread(fresh):
    client = visitor(fresh, SMALL)
    reply = hand_in(client, "x" * (SMALL.body + 1))
    refused(fresh, reply, 413, "too large")
    assert hand_in(client, "x" * (SMALL.body - 2000)).status_code == 303


def test_a_body_that_grows_too_large_is_refused_on_the_way(fresh):
    client = visitor(fresh, SMALL)
    known = fields(client)
    taken = []

    def stream():
        yield form(*known, end=b"")
        yield b'--b0\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for number in range(1000):
            taken.append(number)
            yield b"x" * 1000

    refused(fresh, post(client, stream()), 413, "too large")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(worked, method):
    assert visitor(worked).request(method, "/uploads", headers=OWN).status_code == 405


def test_a_page_is_not_a_form(worked):
    assert visitor(worked).post("/manifests", headers=OWN).status_code == 405


HOSTILE = [
    "/uploads/0",
    "/uploads/99999999999999999999999999",
    "/uploads/-1",
    "/uploads/1e9",
    "/uploads/%31%00",
    "/uploads/999/annotated.xlsx",
    "/uploads/999/state/x",
    "/landed/a/b/c",
    "/landed/../../etc/passwd/x",
    "/landed/%2e%2e/%2e%2e/x",
    "/manifests/XB0",
    "/manifests/..%2f..%2fregistry.db",
    "/manifests/..%2f..%2fregistry.db.zip",
    "/manifests/%00.zip",
    "/stock/..%2f../registry.db",
    "/stock/%2e%2e/registry.db",
    "/stock/2026-11-22/stock_layers.parquet",
    "/stock/2026-11-22/..%2f..%2f..%2fxborder.toml",
    "/stock/2026-11-22%0a/stock.html",
    "/templates/..%2f..%2fx.xlsx",
    "/templates/receipt.xlsx",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2f..%2fapp.py",
    "/%00",
    "/nothing",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_what_is_not_there_is_a_friendly_404(page, address):
    reply = page.get(address)
    assert reply.status_code == 404, reply.text
    assert "There is no such page or file" in reply.text
    assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "address",
    ["/uploads?page=99999999", "/uploads?page=-1", "/uploads?page=0x1", "/?lang=<script>&to=\"><b>",
     "/manifests?exporter=%27--&date=%00", "/uploads/1?again=<b>&lang=xx"],
)  # fmt: skip
def test_hostile_queries_do_no_harm(page, address):
    reply = page.get(address)
    assert reply.status_code == 200
    assert "<script>&" not in reply.text and '"><b>' not in reply.text


def state(home):
    with reading(home.engine) as c:
        rows = [
            [tuple(row) for row in c.execute(text(f"SELECT * FROM {table}"))]
            for table in sorted(tables.metadata.tables)
        ]
    files = {
        str(path): path.stat().st_mtime_ns
        for path in home.settings.home.rglob("*")
        if path.is_file() and not path.name.startswith("registry.db")
    }
    return rows, files


def test_reading_pages_changes_nothing(worked, page):
    before = state(worked)
    assert any(before[0])
    with reading(worked.engine) as c:
        number = c.scalar(text("SELECT number FROM manifests"))
        orders = c.scalar(text("SELECT id FROM uploads WHERE kind = 'orders'"))
    for address in (
        "/?to=x", "/uploads", f"/uploads/{orders}?again=1", f"/uploads/{orders}/state",
        f"/uploads/{orders}/annotated.xlsx", "/manifests", f"/manifests/{number}",
        f"/manifests/{number}.zip", "/stock", "/stock/2026-11-22/stock.html",
        "/stock/2026-11-22/stock.xlsx", "/findings", "/templates/orders.xlsx", "/static/portal.css",
    ):  # fmt: skip
        assert page.get(address).status_code == 200, address
        assert page.head(address).status_code == 200, address
    assert state(worked) == before


@pytest.mark.parametrize("address", ["/", "/nothing", "/static/portal.css", "/findings"])
def test_every_reply_is_sealed(page, address):
    headers = page.get(address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_need_nothing_from_elsewhere_and_no_inline_code(worked, page):
    for address in ("/", "/uploads", "/uploads/1", "/manifests", "/stock", "/findings", "/nothing"):
        html = page.get(address).text
        assert (
            "http://" not in html and "https://" not in html and "//" not in html.replace("</", "")
        )
        assert " style=" not in html and " onclick" not in html and "<style" not in html
        assert html.count("<script") == html.count(
            '<script src="/static/portal.js" defer></script>'
        )


def test_our_own_fault_is_a_page_and_a_log_line_without_data(worked, caplog, monkeypatch):
    from xborder.portal import pages

    def fails(*_):
        raise ValueError("Zhang San, 138 0000 0000")

    monkeypatch.setattr(pages.registered, "count", fails)
    with caplog.at_level(logging.DEBUG):
        reply = visitor(worked).get("/uploads")
    assert reply.status_code == 500
    assert "This is our fault" in reply.text
    assert "Zhang San" not in reply.text and "Traceback" not in reply.text
    assert "Zhang San" not in caplog.text
    assert "GET /uploads: ValueError at" in caplog.text


def test_a_full_disk_is_said_and_leaves_nothing(fresh, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    client = visitor(fresh)
    monkeypatch.setattr(portal_site.landing, "submit_stream", full)
    refused(fresh, hand_in(client), 507, "disk is full")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.xlsx", "attachment; filename=\"a.xlsx\"; filename*=UTF-8''a.xlsx"),
        ('x"\r\nset-cookie: a=b.zip', "attachment; filename=\"x_set-cookie_a_b.zip\"; "
         "filename*=UTF-8''x%22%0D%0Aset-cookie%3A%20a%3Db.zip"),
        ("订单.csv", "attachment; filename=\"csv\"; filename*=UTF-8''%E8%AE%A2%E5%8D%95.csv"),
        ("../..", "attachment; filename=\"file\"; filename*=UTF-8''..%2F.."),
    ],
)  # fmt: skip
def test_names_of_downloads(name, said):
    assert disposition(name) == said
