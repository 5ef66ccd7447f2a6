"""What follows an issued list: refused, amended, cancelled, and its next version."""

import re
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from registry_steps import NOW, check, explained, issue, upload
from sqlalchemy import Connection, Engine

from xborder.registry import (
    contradictions,
    database,
    filings,
    lists,
    orders,
    receipt_matching,
    refusals,
    reinstatements,
    versions,
)
from xborder.registry.customs_states import Rules
from xborder.registry.staging import run
from xborder.registry.store import Store
from xborder.schemas.tables import packaged


def standing(c: Connection) -> list[tuple[object, ...]]:
    """Every list: copNo's end, version, state, live, app_type, the order's app_type."""
    found = run(
        c,
        "SELECT substr(cop_no, 19), version, state, live, app_type, order_app_type FROM lists"
        " ORDER BY id",
    )
    return [(*one[:3], bool(one[3]), *one[4:]) for one in found]


def order(c: Connection, number: str = "1") -> tuple[str, str, bool]:
    """State and codes of an order, and whether it waits to be checked."""
    one = run(c, "SELECT state, codes, check_id FROM orders WHERE order_no = :no", no=number).one()
    return one[0], one[1], one[2] is None


def filed(c: Connection, kind: str = "603", list_id: int = 0, **status: str) -> None:
    """File the list of order 1 (the last, if not told), and say what customs answers."""
    asked = "SELECT cop_no, id FROM lists WHERE id = :id OR :id = 0 ORDER BY id DESC LIMIT 1"
    cop_no, number = run(c, asked, id=list_id).one()
    key = cop_no if kind == "603" else "无/1"
    new = pl.DataFrame([(kind, key, "1", number)], schema=filings.NEW, orient="row")
    filings.enter(c, "dapu", NOW, new)
    for column, value in status.items():
        run(c, f"UPDATE filings SET {column} = :v WHERE list_id = :l AND kind = :k", v=value, l=number, k=kind)  # fmt: skip  # noqa: E501


@pytest.fixture
def declared(engine: Engine):
    """A registry with one order whose list is issued."""
    with database.transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        issue(c)
        yield c


def test_a_refused_list_goes_again_as_its_next_version(declared: Connection) -> None:
    c = declared
    filed(c, status="100")
    filed(c, "303", status="120")
    assert lists.refused(c, [1]) == 1
    assert lists.refused(c, [1]) == 0, "the same receipt twice"
    assert order(c) == ("held", "CUSTOMS_REFUSED", False)
    assert check(c, "v1") == 0, "nothing has changed"
    assert lists.claim(c) == 0
    assert check(c, "v2") == 1
    assert lists.claim(c) == 1
    assert standing(c) == [
        ("01", 1, "refused", False, "1", None),
        ("01", 2, "pending", True, "1", "2"),
    ]
    assert lists.claim(c) == 0


def test_after_a_refusal_with_a_list_number_it_goes_as_a_change(declared: Connection) -> None:
    filed(declared, status="100", customs_no="604120260000000001")
    filed(declared, "303", status="-301008")
    lists.refused(declared, [1])
    check(declared, "v2")
    lists.claim(declared)
    assert standing(declared)[1] == ("01", 2, "pending", True, "2", "1")


def test_a_next_version_that_is_held_again_keeps_its_place(declared: Connection) -> None:
    c = declared
    lists.refused(c, [1], "2")
    check(c, "v2")
    lists.claim(c)
    check(c, "v3", held=("1",))
    check(c, "v4")
    lists.claim(c)
    assert [one[:3] for one in standing(c)] == [("01", 1, "refused"), ("01", 2, "void"), ("01", 3, "pending")]  # fmt: skip  # noqa: E501
    assert standing(c)[2][4:] == ("2", "2")
    assert issue(c) is not None


def test_changed_content_is_amended_once_the_operator_says_so(declared: Connection) -> None:
    c = declared
    filed(c, status="120")
    assert versions.amend(c, [1]) == 0, "nothing has changed"
    told = upload(c, "b", {"order_no": "1", "digest": "other"})
    assert told == {"1": "changed_after_issue"}
    assert order(c) == ("declared", "", False)
    assert versions.amend(c, [1]) == 1
    assert order(c) == ("held", "", True)
    assert run(c, "SELECT upload_id, digest FROM orders").one() == (2, "other")
    entries = run(c, "SELECT upload_id, outcome FROM appearances ORDER BY 1").all()
    assert entries == [(1, "replaced"), (2, "current")]
    check(c)
    issue(c)
    assert standing(c)[1] == ("01", 2, "issued", True, "2", "2")
    assert run(c, "SELECT count(*) FROM lists WHERE live").scalar() == 1


INSPECTED_AFTERWARDS = {"status": "500", "customs_no": "604120260000000001"}
APPROVED = [{"status": "399"}, INSPECTED_AFTERWARDS, INSPECTED_AFTERWARDS | {"status": "300"}]


@pytest.mark.parametrize("said", APPROVED)
def test_an_approved_list_is_not_amended(declared: Connection, said: dict[str, str]) -> None:
    c = declared
    filed(c, **said)
    upload(c, "b", {"order_no": "1", "digest": "other"})
    assert versions.amend(c, [1]) == 0


def test_a_list_that_is_inspected_before_its_approval_is_amended(declared: Connection) -> None:
    filed(declared, status="500")
    upload(declared, "b", {"order_no": "1", "digest": "other"})
    assert versions.amend(declared, [1]) == 1


@pytest.mark.parametrize("claimed_before", [False, True])
def test_what_is_inspected_after_its_approval_does_not_go_again(declared, claimed_before) -> None:
    c = declared
    filed(c, status="100")
    lists.refused(c, [1])
    check(c, "v2")
    if claimed_before:
        lists.claim(c)
    run(c, "UPDATE filings SET status = '500', customs_no = '604120260000000001'")
    assert lists.pending(c).is_empty()
    assert issue(c) is None
    assert order(c)[:2] == ("held", "LIST_APPROVED")


@pytest.mark.parametrize("claimed_before", [False, True])
def test_what_customs_approves_meanwhile_does_not_go_as_a_change(declared, claimed_before) -> None:
    c = declared
    filed(c, status="120")
    upload(c, "b", {"order_no": "1", "digest": "other"})
    versions.amend(c, [1])
    check(c)
    if claimed_before:
        lists.claim(c)
    run(c, "UPDATE filings SET status = '399', customs_no = '604120260000000001'")
    assert lists.pending(c).is_empty()
    assert issue(c) is None
    assert order(c)[:2] == ("held", "LIST_APPROVED")
    # Customs cancels it: then it goes as a new list.
    assert lists.cancelled(c, [1]) == 1
    assert order(c)[2], "its content is not the cancelled list's"
    check(c)
    issue(c)
    assert standing(c)[-1] == ("02", 1, "issued", True, "1", None)


@pytest.mark.parametrize("claimed_before", [False, True])
def test_a_cancellation_that_is_refused_after_all_lets_no_new_list_go(
    declared, claimed_before, tmp_path
) -> None:
    c = declared
    store = Store(tmp_path.as_uri())
    came = pl.DataFrame({"order_id": [1], "upload_id": [1]})
    store.write_parquet(came, "lake", "checked_orders", "00000001", "items.parquet")
    filed(c, status="399", customs_no="604120260000000001")
    upload(c, "b", {"order_no": "1", "digest": "other"})
    assert lists.cancelled(c, [1]) == 1, "120: stored by customs, not decided"
    check(c)
    if claimed_before:
        lists.claim(c)
    assert reinstatements.reinstated(c, store, [1]) == 1
    assert reinstatements.reinstated(c, store, [1]) == 0
    assert issue(c) is None
    assert order(c) == ("declared", "", False)
    assert [one for one in standing(c) if one[3]] == [("01", 1, "issued", True, "1", None)]
    # What it was changed to waits, as a change after issue does.
    assert run(c, "SELECT digest FROM orders").scalar() == "content"
    entered = run(c, "SELECT upload_id, outcome, digest FROM appearances ORDER BY 1").all()
    assert entered == [(1, "current", "content"), (2, "changed_after_issue", "other")]
    # Asked for again, and granted.
    assert lists.cancelled(c, [1]) == 1
    assert run(c, "SELECT digest FROM orders").scalar() == "other"
    check(c, "v2")
    issue(c)
    assert [one[1:4] for one in standing(c) if one[3]] == [(1, "issued", True)]


def test_what_was_issued_after_a_cancellation_is_not_taken_back(
    declared: Connection, tmp_path: Path
) -> None:
    c, rules = declared, Rules(packaged())
    filed(c, status="399", customs_no="604120260000000001")
    upload(c, "b", {"order_no": "1", "digest": "other"})
    lists.cancelled(c, [1])
    check(c)
    issue(c)
    before = standing(c)
    filed(c, "605", list_id=1, status="120")
    assert contradictions.declared_twice(c, rules).is_empty()
    run(c, "UPDATE filings SET status = '100' WHERE kind = '605'")
    assert reinstatements.reinstated(c, Store(tmp_path.as_uri()), [1]) == 0
    assert standing(c) == before
    told = run(c, "SELECT payload FROM audit ORDER BY seq DESC LIMIT 1").scalar()
    assert "declared_twice" in str(told)
    (twice,) = contradictions.declared_twice(c, rules).to_dicts()
    assert (twice["order_no"], twice["cop_no"][-2:], twice["later"][-2:]) == ("1", "01", "02")
    (found,) = contradictions.of_upload(c, 2).to_dicts()
    assert (found["code"], found["row"], found["order_no"]) == ("ORDER_DECLARED_TWICE", 2, "1")
    # The other one is cancelled: the first stands again.
    assert lists.cancelled(c, [2]) == 1
    assert reinstatements.before(c, [2], rules.accepting()) == [1]
    assert contradictions.declared_twice(c, rules).is_empty()


def test_a_cancelled_order_is_not_declared_again(declared: Connection) -> None:
    c = declared
    filed(c, status="399")
    upload(c, "b", {"order_no": "1", "status_digest": "void", "cancelled": True})
    assert lists.cancelled(c, [1]) == 1
    assert order(c)[:2] == ("excluded", "CANCELLED")
    check(c, "v2")
    assert issue(c) is None


def test_orders_that_are_known_are_found_by_their_key(declared: Connection) -> None:
    c = declared
    if c.dialect.name == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics")
    with explained(c) as plans:
        upload(c, "again", {"order_no": "1"})
    of_orders = [one for one in plans if re.search(r"\bo\b.*shop_id=", one)]
    assert any("order_no=?" in one for one in of_orders)
    assert not [one for one in of_orders if "order_no=?" not in one]


def test_verdicts_find_their_orders_by_number(declared: Connection) -> None:
    c = declared
    if c.dialect.name == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics")
    upload(c, "new", {"order_no": "2"})
    with explained(c) as plans:
        check(c, "v3")
    assert "SEARCH orders USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plans
    assert not [one for one in plans if one.startswith("SCAN orders")]


@pytest.mark.parametrize("version", ["v1", "v9"])
def test_what_is_open_is_found_in_its_order(declared: Connection, version: str) -> None:
    """At ten million lines to sort the orders took a quarter of a gigabyte."""
    c = declared
    if c.dialect.name == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics")
    upload(c, "new", {"order_no": "2"})
    check(c)
    with explained(c) as plans:
        orders.open_blocks(c, "dapu", version)
        orders.open_orders(c, "dapu", version, 2, 0)
    assert [one for one in plans if "ix_orders_open" in one]
    assert not [one for one in plans if "TEMP B-TREE" in one]


def test_answers_and_refusals_do_not_go_through_all_documents(declared: Connection) -> None:
    c = declared
    if c.dialect.name == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics")
    filed(c, status="120")
    told = receipt_matching.Told(1, "604", "XB1", "120", None, "", None, None, "", "", "")
    answering = [(1, "", told)]
    with explained(c) as plans:
        receipt_matching._filed(c, answering)
        versions.refused(c, [1])
        assert refusals._ended(c, "o.upload_id = :one", 1)["cop_no"].len() == 1
    assert any("ix_lists_past" in one for one in plans)
    whole = [
        one for one in plans if one in ("SCAN f", "SCAN l", "SCAN lists", "SCAN order_entries")
    ]
    assert whole == []


def test_what_is_ignored_does_not_wait_any_more(declared: Connection) -> None:
    c = declared
    upload(c, "b", {"order_no": "1", "digest": "other"})
    assert versions.ignore(c, [1]) == 1
    assert versions.ignore(c, [1]) == 0
    assert versions.amend(c, [1]) == 0
    assert order(c) == ("declared", "", False)


def content(store: Store, check_id: int, price: str) -> None:
    """What a check found of order 1."""
    where = ("lake", "checked_orders", f"{check_id:08d}")
    head = {"order_id": 1, "orderNo": "1", "value_cny": str(check_id)}
    store.write_parquet(pl.DataFrame([head]), *where, "heads.parquet")
    item = {"order_id": 1, "gnum": 1, "price": price, "row": str(check_id), "upload_id": check_id}
    store.write_parquet(pl.DataFrame([item]), *where, "items.parquet")


@pytest.mark.parametrize(("end", "code"), [("refused", "CUSTOMS_REFUSED"), ("cancelled", "LIST_CANCELLED")])  # fmt: skip  # noqa: E501
def test_the_same_list_does_not_go_again_by_itself(declared, tmp_path: Path, end, code) -> None:
    c, store = declared, Store(tmp_path.as_uri())
    getattr(lists, end)(c, [1])
    content(store, 1, "24.99")
    content(store, 2, "24.99")
    content(store, 3, "25.99")
    verdict = pl.DataFrame({"order_id": [1, 7], "state": "accepted", "route": "list", "codes": ""})

    def told(check_id: int) -> pl.DataFrame:
        return versions.unchanged(c, store, ("lake", "checked_orders", f"{check_id:08d}"), verdict)

    with explained(c) if c.dialect.name == "sqlite" else nullcontext(["ix_lists_past"]) as plans:
        assert told(2).select("state", "codes").rows() == [("held", code), ("accepted", "")]
    assert any("ix_lists_past" in one for one in plans)
    assert not [one for one in plans if one.startswith("SCAN p") or one == "SCAN l"]
    assert told(3).equals(verdict)
    orders.record_check(c, "dapu", "v2", 2, told(2).head(1), NOW.date())
    assert order(c) == ("held", code, False)
    assert versions.resend(c, [1]) == 1
    assert order(c) == ("held", "", True)
    assert told(2).equals(verdict)
