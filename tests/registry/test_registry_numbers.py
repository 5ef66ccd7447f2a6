"""Lists, manifests, waybills, movements, the audit trail: each number once."""

import random
import uuid
from datetime import timedelta

import polars as pl
import pytest
from registry_steps import DAY, NOW, check, issue, receive, reserve, upload
from sqlalchemy import Engine, exc, select, text

from xborder.registry import (
    audit,
    counters,
    cutoffs,
    lists,
    manifests,
    movements,
    orders,
    queries,
    tables,
    uploads,
    waybills,
)
from xborder.registry.database import reading, transaction


def three_orders(engine: Engine) -> pl.DataFrame:
    with transaction(engine) as c:
        upload(c, "a", *({"order_no": str(n)} for n in (1, 2, 3)))
        check(c)
        lists.claim(c)
        return lists.pending(c)


def test_a_list_has_number_and_guid_of_its_own(engine: Engine) -> None:
    waiting = three_orders(engine)
    assert waiting["cop_no"].to_list() == [f"XB20261120000000000{n}" for n in (1, 2, 3)]
    with transaction(engine) as c:
        issue(c)
        given = lists.of_manifests(c, [1])
    named = [f"dapu/{name}/1" for name in waiting["cop_no"]]
    expected = [str(uuid.uuid5(lists.NAMESPACE, one)).upper() for one in named]
    assert given["guid"].to_list() == expected
    assert lists.guid("dapu", "XB1", 1) != lists.guid("dapu", "XB1", 2)
    assert lists.guid("dapu", "XB1", 1) != lists.guid("other", "XB1", 1)


def test_reserving_issues_the_lists_once(engine: Engine) -> None:
    ids = three_orders(engine)["list_id"].to_list()
    with transaction(engine) as c:
        cutoff = cutoffs.take(c, DAY, NOW)
        row = reserve(c, cutoff, ids[:2], batch={"b": 1, "a": 2})
        assert row.lists == 2
        assert (row.number, row.batch, row.app_time) == (
            "XB60412026112000001", {"a": 2, "b": 1}, NOW,
        )  # fmt: skip
        assert lists.of_manifests(c, [row.id])["order_no"].to_list() == ["1", "2"]
        assert lists.pending(c)["order_no"].to_list() == ["3"]
        every = c.execute(select(tables.manifests.c.id, tables.manifests.c.state)).all()
        assert every == [(row.id, manifests.RESERVED)]
    with pytest.raises(lists.ListClaimError, match="2 lists"), transaction(engine) as c:
        reserve(c, cutoff, ids)
    with pytest.raises(lists.ListClaimError), transaction(engine) as c:
        reserve(c, cutoff, ids[2:], exporter="else")
    with pytest.raises(ValueError, match="no lists"), transaction(engine) as c:
        reserve(c, cutoff, [])
    with transaction(engine) as c:
        office = reserve(c, cutoff, ids[2:], "declarations", office="6042")
        assert office.number == "XB60422026112000001"
        assert counters.peek(c, "manifest") == 2, "a refused manifest takes no number"
        manifests.published(c, {row.id: ("ab" * 32, "manifests/x")})
        manifests.published(c, {row.id: ("ab" * 32, "manifests/x")})
        with pytest.raises(ValueError, match="another checksum"):
            manifests.published(c, {row.id: ("cd" * 32, "manifests/x")})
        assert [one["state"] for one in queries.manifests(c, DAY)] == ["published", "reserved"]
        assert queries.manifests(c, DAY + timedelta(days=1)) == []
        assert len(queries.manifests_of_last_cutoff(c)) == 2


@pytest.mark.parametrize(("kind", "office"), [("other", "6041"), ("lists", "60４1"), ("lists", "")])
def test_a_manifest_without_sense_is_refused(engine: Engine, kind: str, office: str) -> None:
    waiting = three_orders(engine)
    with transaction(engine) as c, pytest.raises(ValueError, match="no manifest"):
        reserve(c, 1, waiting["list_id"].to_list(), kind, office=office)


def test_a_number_is_not_given_again_after_a_void(engine: Engine) -> None:
    three_orders(engine)
    with transaction(engine) as c:
        check(c, "v2", held=("2",))
        assert lists.claim(c) == 0
        assert lists.pending(c)["order_no"].to_list() == ["1", "3"]
        check(c, "v3")
        assert lists.claim(c) == 1
        assert lists.pending(c)["cop_no"].to_list()[-1] == "XB202611200000000004"
        states = c.execute(text("SELECT state, live FROM lists ORDER BY id")).all()
        assert [(row.state, bool(row.live)) for row in states] == [
            ("pending", True), ("void", False), ("pending", True), ("pending", True),
        ]  # fmt: skip


def test_a_list_waits_until_it_has_taken_the_newest_check(engine: Engine) -> None:
    waiting = three_orders(engine)
    with transaction(engine) as c:
        check(c, "v2")
        assert lists.pending(c).is_empty()
        cutoff = cutoffs.take(c, DAY, NOW)
    with pytest.raises(lists.ListClaimError), transaction(engine) as c:
        reserve(c, cutoff, waiting["list_id"].to_list())
    with transaction(engine) as c:
        assert lists.claim(c) == 0
        assert lists.pending(c)["check_id"].to_list() == [2, 2, 2]


def test_gapless_with_one_transaction_in_five_rolled_back(engine: Engine) -> None:
    chance = random.Random(7)
    kept = []
    for _ in range(60):
        try:
            with transaction(engine) as c:
                drawn = counters.draw_many(c, "n", chance.randint(1, 3))
                if chance.random() < 0.2:
                    raise InterruptedError
                kept += drawn
        except InterruptedError:
            pass
    assert kept == list(range(1, len(kept) + 1))


def test_an_order_belongs_to_the_day_it_was_cured(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        check(c, held=("2",))
        later = DAY + timedelta(days=1)
        waiting = orders.open_orders(c, "dapu")
        verdicts = waiting.select(
            "order_id", state=pl.lit("accepted"), route=pl.lit("list"), codes=pl.lit("")
        )
        orders.record_check(c, "dapu", "v2", 9, verdicts, later)
        days = c.execute(text("SELECT order_no, business_date FROM orders ORDER BY 1")).all()
        assert [tuple(row) for row in days] == [("1", str(DAY)), ("2", str(later))]


def test_a_waybill_is_taken_by_accepted_and_declared_orders(engine: Engine) -> None:
    three_orders(engine)
    asked = pl.DataFrame({"logistics_code": ["L"] * 3, "logistics_no": ["W1", "W2", "W9"]})

    def told() -> list[tuple[str, str]]:
        with reading(engine) as c:
            return list(waybills.taken(c, asked).select("order_no", "logistics_no").iter_rows())

    parcels = {"order_id": [1, 2], "logistics_code": "L", "logistics_no": ["W1", "W2"]}
    with transaction(engine) as c:
        waybills.enter(c, pl.DataFrame(parcels | {"export_date": DAY}))
    assert told() == [("1", "W1"), ("2", "W2")]
    with transaction(engine) as c:
        # A corrected shipment frees the number that was written before.
        waybills.enter(
            c, pl.DataFrame(parcels | {"logistics_no": ["W9", "W2"], "export_date": "2026-11-21"})
        )
        check(c, "v2", held=("2",))
    assert told() == [("1", "W9")]
    with transaction(engine) as c:
        issue(c)
    assert told() == [("1", "W9")]


def moves(*told: tuple[str, str, int]) -> pl.DataFrame:
    rows = [("CHI", name, "SKU", qty, "S", row) for name, qty, row in told]
    names = ["warehouse", "movement_id", "sku", "qty", "sheet", "row"]
    return pl.DataFrame(rows, schema=names, orient="row")


def test_a_movement_is_booked_once(engine: Engine) -> None:
    with transaction(engine) as c:
        for name in ("a", "b"):
            upload_id = receive(c, name, "stock")
            uploads.mark_read(c, upload_id, "l", "x", "stock", {("accepted", ""): 3}, 3)
        first = moves(("m1", "5", 2), ("m2", "5", 3), ("m2", "5", 4))
        told = movements.enter(c, 1, "dapu", first)
        assert told["outcome"].to_list() == ["current", "current", "duplicate"]
        second = moves(("m1", "5", 2), ("m2", "6", 3), ("m3", "1", 4))
        told = movements.enter(c, 2, "dapu", second)
        assert told["outcome"].to_list() == ["duplicate", "MOVEMENT_ID_REUSED", "current"]
        assert movements.table(c)["movement_id"].to_list() == ["m1", "m2", "m3"]
        assert movements.table(c, "dapu")["qty"].to_list() == ["5", "5", "1"]
        assert movements.table(c, "else").is_empty()
        receipts = [queries.receipt(c, one) for one in (1, 2)]
        counted = [(one["accepted"], one["duplicate"], one["held"]) for one in receipts]
        assert counted == [(2, 1, 0), (1, 1, 1)]
        assert receipts[1]["held_by_code"] == {"MOVEMENT_ID_REUSED": 1}
        assert all(one["adds_up"] for one in receipts)
        again = movements.enter(c, 2, "dapu", second)
        assert again.equals(told)
        assert [queries.receipt(c, one) for one in (1, 2)] == receipts


def test_what_is_handed_in_again_is_the_newest_word_again(engine: Engine) -> None:
    with transaction(engine) as c:
        for name in ("old", "new"):
            upload_id = receive(c, name, "goods")
            uploads.mark_read(c, upload_id, "l", "template", "goods", {}, 0)
        assert [row.id for row in uploads.of_kind(c, "dapu", "goods")] == [1, 2]
        assert receive(c, "old", "goods") == 1
        assert [row.id for row in uploads.of_kind(c, "dapu", "goods")] == [2, 1]


def test_lists_are_claimed_and_paged_in_portions(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", *({"order_no": f"{n}"} for n in range(7)))
        check(c, held=("2",))
        assert [lists.claim(c, limit=3) for _ in range(3)] == [3, 3, 0]
        first = lists.pending(c, limit=4)
        rest = lists.pending(c, after=first["list_id"][-1], limit=4)
        both = pl.concat([first, rest])
        assert both["order_no"].to_list() == ["0", "1", "3", "4", "5", "6"]
        assert both["cop_no"].to_list() == [f"XB20261120{n:010d}" for n in range(1, 7)]
        # One that was passed over is found when it is cured.
        check(c, "v2")
        assert [lists.claim(c, limit=1) for _ in range(2)] == [1, 0]
        cured = lists.pending(c).filter(order_no="2")
        assert cured["cop_no"].to_list() == ["XB202611200000000007"]
        assert lists.pending(c).height == 7, "the lists took the newest check"


def test_manifests_are_reserved_together(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", *({"order_no": f"{n}"} for n in range(6)))
        check(c)
        lists.claim(c)
        plan = [manifests.NewManifest("lists", "dapu", {"n": n}, "6041") for n in range(2)]
        # Lists of two manifests, mixed, in two pages.
        pages = [([1, 2, 3], [0, 1, 0]), ([4, 5, 6], [0, 1, 1])]
        schema = {"list_id": pl.Int64, "manifest": pl.UInt32}
        assigned = [
            pl.DataFrame({"list_id": ids, "manifest": of}, schema=schema) for ids, of in pages
        ]
        ids = manifests.reserve_all(c, cutoffs.take(c, DAY, NOW), plan, assigned, DAY, NOW)
        rows = [manifests.get(c, one) for one in ids]
        assert [(row.number, row.lists, row.batch) for row in rows] == [
            ("XB60412026112000001", 3, {"n": 0}), ("XB60412026112000002", 3, {"n": 1}),
        ]  # fmt: skip
        told = [lists.of_manifests(c, [row.id])["list_id"].to_list() for row in rows]
        assert told == [[1, 3, 4], [2, 5, 6]]
        every = lists.of_manifests(c, [row.id for row in rows])
        assert every["list_id"].to_list() == [1, 3, 4, 2, 5, 6]
        assert orders.open_orders(c, "dapu").is_empty()
        kinds = c.execute(text("SELECT count(*) FROM audit WHERE kind = 'manifest reserved'"))
        assert kinds.scalar() == 2


def test_a_logistics_number_has_one_holder(engine: Engine) -> None:
    def parcel(order: int, number: str, day: str) -> pl.DataFrame:
        row = {"order_id": [order], "logistics_code": "L", "logistics_no": number}
        return pl.DataFrame(row | {"export_date": day})

    three_orders(engine)
    with transaction(engine) as c:
        assert waybills.enter(c, parcel(1, "W1", "2026-11-21")).is_empty()
        # Another run accepted the second order with the same number: it waits for its check.
        refused = waybills.enter(c, parcel(2, "W1", "2026-11-22"))
        assert refused["order_id"].to_list() == [2]
        assert lists.pending(c)["order_no"].to_list() == ["1", "3"]
        assert orders.open_orders(c, "dapu", "v1")["order_no"].to_list() == ["2"]
        # Six months later the number is free again.
        assert waybills.enter(c, parcel(3, "W1", "2027-05-20")).height == 1
        check(c)
        assert waybills.enter(c, parcel(3, "W1", "2027-05-21")).is_empty()
        assert waybills.enter(c, parcel(3, "W1", "2027-05-21")).is_empty()
        point = c.begin_nested()
        with pytest.raises(exc.IntegrityError):
            c.execute(text("UPDATE waybills SET released = 0"))
        point.rollback()
        assert [row["order_no"] for row in queries.trace(c, "W1")["orders"]] == ["1", "3"]
        # A held order gives its number up to the one that asks.
        check(c, "v2", held=("3",))
        assert waybills.enter(c, parcel(2, "W1", "2027-05-22")).is_empty()
        with pytest.raises(ValueError, match="one waybill"):
            waybills.enter(
                c, pl.concat([parcel(1, "A", "2026-11-21"), parcel(1, "B", "2026-11-21")])
            )


def test_a_refused_upload_is_tried_again_when_it_comes_again(engine: Engine) -> None:
    with transaction(engine) as c:
        assert receive(c, "a") == 1
        uploads.refuse(c, 1, "UNKNOWN_LAYOUT", rows=7)
        assert queries.receipt(c, 1)["held_by_code"] == {"UNKNOWN_LAYOUT": 7}
        assert [row.id for row in queries.refused(c)] == [1]
        assert uploads.pending(c) == []
        again = uploads.receive(c, uploads.get(c, 1).sha256, "dapu", "shop", None, "b", 10, NOW)
        assert (again.upload_id, again.new) == (1, True)
        assert [row.id for row in uploads.pending(c)] == [1]
        uploads.mark_read(c, 1, "l", "template", "orders", {"HEADER": 1}, 1)
        with pytest.raises(LookupError, match="upload 2 is not"):
            uploads.mark_checked(c, 2)
        uploads.mark_checked(c, 1)
        with pytest.raises(LookupError):
            uploads.refuse(c, 1, "UNKNOWN_LAYOUT")
        assert [row.id for row in uploads.of_kind(c, "dapu", "orders")] == [1]


def test_the_chain_is_found_from_every_number(engine: Engine) -> None:
    three_orders(engine)
    with transaction(engine) as c:
        parcels = {"order_id": [2], "logistics_code": "L", "logistics_no": "W2"}
        waybills.enter(c, pl.DataFrame(parcels | {"export_date": DAY}))
        number = issue(c)
        own = lists.of_manifests(c, [1]).row(1, named=True)
        for key in (" 2 ", "W2", own["cop_no"], own["guid"].lower()):
            told = queries.trace(c, key)
            assert [row["order_no"] for row in told["orders"]] == ["2"], key
            assert told["entries"][0]["file_name"] == "a.csv"
            assert told["lists"][0]["manifest"] == number
            assert [row["number"] for row in told["manifests"]] == [number]
            assert told["waybills"][0]["logistics_no"] == "W2"
        assert len(queries.trace(c, str(number))["orders"]) == 3
        assert [row["upload_id"] for row in queries.trace(c, uploads.get(c, 1).sha256)["uploads"]]
        assert not any(queries.trace(c, "nothing").values())
        assert not any(queries.trace(c, "' OR 1=1 --").values())


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit SET payload = '{\"n\":9}' WHERE seq = 3",
        "UPDATE audit SET at = '2020-01-01T00:00:00+00:00' WHERE seq = 3",
        "UPDATE audit SET subject = 'else' WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
    ],
)
def test_an_edited_audit_trail_shows(engine: Engine, harm: str) -> None:
    with transaction(engine) as c:
        for n in range(5):
            assert audit.append(c, "kind", "subject", {"n": n}, NOW) == n + 1
        assert audit.verify(c) is None
        c.exec_driver_sql(harm)
        assert audit.verify(c) == 3


def test_swapped_audit_entries_show(engine: Engine) -> None:
    with transaction(engine) as c:
        for n in range(4):
            audit.append(c, "kind", "subject", {"n": n}, NOW)
        for before, after in ((2, 99), (3, 2), (99, 3)):
            c.execute(text(f"UPDATE audit SET seq = {after} WHERE seq = {before}"))
        assert audit.verify(c) == 2


def test_entries_added_together_are_those_added_one_by_one(engine: Engine) -> None:
    told = [(f"subject {n}", {"n": n}) for n in range(3)]
    chains = []
    for together in (True, False):
        with transaction(engine) as c:
            if together:
                assert audit.extend(c, "kind", told, NOW) == 3
                assert audit.extend(c, "kind", [], NOW) == 3
            else:
                assert [audit.append(c, "kind", *one, NOW) for one in told] == [1, 2, 3]
            assert audit.verify(c) is None
            chains.append(audit.head(c))
            c.rollback()
    assert chains[0] == chains[1]
