"""The re-upload table: what becomes of an order that comes again."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_steps import DAY, check, entries, issue, receive, upload
from sqlalchemy import Connection, Engine

from xborder.registry import lists, orders, queries, reuploads, uploads
from xborder.registry.database import reading, transaction
from xborder.registry.reuploads import creation_times


def states(c: Connection) -> dict[str, tuple[str, str]]:
    """State and codes of each order."""
    found = c.exec_driver_sql("SELECT order_no, state, codes FROM orders").all()
    return {row.order_no: (row.state, row.codes) for row in found}


def live(c: Connection) -> dict[str, str]:
    """State of the live list of each order that has one."""
    return dict(
        c.exec_driver_sql(
            "SELECT o.order_no, l.state FROM lists l JOIN orders o ON o.id = l.order_id "
            "WHERE l.live"
        ).all()
    )


def counts(c: Connection, upload_id: int) -> dict[str, int]:
    told = queries.receipt(c, upload_id)
    assert told["adds_up"]
    return {key: told[key] for key in uploads.ROW_STATES if told[key]} | told["excluded_by_code"]


def test_a_new_order_is_current_and_waits_for_its_check(engine: Engine) -> None:
    with transaction(engine) as c:
        assert upload(c, "a", {"order_no": "1", "rows": 3}) == {"1": "current"}
        assert states(c) == {"1": ("held", "")}
        assert counts(c, 1) == {"held": 3, "excluded": 1, "HEADER": 1}
        check(c)
        assert counts(c, 1) == {"accepted": 3, "excluded": 1, "HEADER": 1}
        issue(c)
        assert counts(c, 1) == {"declared": 3, "excluded": 1, "HEADER": 1}


@pytest.mark.parametrize("issued", [False, True])
def test_same_content_is_a_duplicate(engine: Engine, issued: bool) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        if issued:
            issue(c)
        before = states(c)
        assert upload(c, "b", {"order_no": "1", "rows": 2}) == {"1": "duplicate"}
        assert states(c) == before
        assert counts(c, 2) == {"duplicate": 2, "excluded": 1, "HEADER": 1}


def test_changed_before_issue_replaces_and_keeps_its_list(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1", "rows": 2}, {"order_no": "2"})
        check(c)
        assert lists.claim(c) == 2
        before = lists.pending(c)
        assert upload(c, "b", {"order_no": "1", "digest": "other"}) == {"1": "current"}
        assert counts(c, 1) == {"accepted": 1, "excluded": 3, "HEADER": 1, "REPLACED": 2}
        assert lists.pending(c)["order_no"].to_list() == ["2"], "unchecked content is not issued"
        assert lists.claim(c) == 0
        assert orders.open_orders(c, "dapu", "v1")["upload_id"].to_list() == [2]
        check(c)
        assert lists.claim(c) == 0
        after = lists.pending(c)
        assert after["cop_no"].to_list() == before["cop_no"].to_list()
        assert after.filter(order_no="1")["check_id"].item() == 2


def test_changed_after_issue_is_held_with_both_contents(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        issue(c)
        told = upload(c, "b", {"order_no": "1", "digest": "other", "rows": 2})
        assert told == {"1": "changed_after_issue"}
        assert states(c) == {"1": ("declared", "")}
        assert counts(c, 1)["declared"] == 1
        assert counts(c, 2)["held"] == 2
        assert queries.receipt(c, 2)["held_by_code"] == {"CHANGED_AFTER_ISSUE": 2}
        entry = orders.of_upload(c, 2).row(0, named=True)
        assert (entry["previous_digest"], entry["digest"]) == ("content", "other")
        assert not entry["current"]
        # A later change is the one question that is left to the operator.
        upload(c, "c", {"order_no": "1", "digest": "third"})
        assert counts(c, 2) == {"excluded": 3, "HEADER": 1, "REPLACED": 2}
        assert counts(c, 3)["held"] == 1
        assert check(c, "v2") == 0, "what is declared is not checked again"


@pytest.mark.parametrize("digest", ["content", ""])
def test_cancelled_after_issue_proposes_a_cancellation(engine: Engine, digest: str) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        issue(c)
        gone = {"order_no": "1", "digest": digest, "status_digest": "x", "cancelled": True}
        assert upload(c, "b", gone | {"ordered_at": None}) == {"1": "notice"}
        assert states(c) == {"1": ("declared", "")}
        assert live(c) == {"1": "issued"}
        assert queries.receipt(c, 2)["proposed_cancellations"] == 1
        found = queries.findings_of(c, 2)
        assert found["code"].to_list() == ["ORDER_STATUS_CHANGED", "CANCELLATION_PROPOSED"]
        assert found["also_at"].to_list() == ["a.csv", "a.csv"]


@pytest.mark.parametrize("digest", ["content", "other", ""])
def test_cancelled_before_issue_is_excluded_and_voids_its_list(engine: Engine, digest: str) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        lists.claim(c)
        gone = {"order_no": "1", "digest": digest, "status_digest": "x", "cancelled": True}
        upload(c, "b", gone)
        assert states(c) == {"1": ("excluded", "CANCELLED")}
        assert live(c) == {}
        assert check(c, "v2") == 0
        assert lists.claim(c) == 0
        for upload_id in (1, 2):
            assert "accepted" not in counts(c, upload_id)
        # The shop takes it back: it is checked anew and gets a list with a number of its own.
        upload(c, "c", {"order_no": "1", "status_digest": "y"})
        assert states(c) == {"1": ("held", "")}
        check(c, "v2")
        assert lists.claim(c) == 1
        assert lists.pending(c)["cop_no"].to_list() == ["XB202611200000000002"]


def test_cancelled_when_first_seen_is_excluded(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1", "cancelled": True})
        assert counts(c, 1) == {"excluded": 2, "CANCELLED": 1, "HEADER": 1}
        assert orders.open_orders(c, "dapu").is_empty()


def test_only_a_status_change_is_a_notice(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        assert upload(c, "b", {"order_no": "1", "status_digest": "sent"}) == {"1": "notice"}
        assert states(c) == {"1": ("accepted", "")}
        assert counts(c, 2)["duplicate"] == 1
        assert queries.receipt(c, 2)["notices"] == 1
        assert upload(c, "c", {"order_no": "1", "status_digest": "sent"}) == {"1": "duplicate"}


def test_another_creation_time_is_another_order_under_a_taken_number(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        later = {"order_no": "1", "ordered_at": "2026-11-02T08:00:00+08:00"}
        assert upload(c, "b", later) == {"1": "reused"}
        assert queries.receipt(c, 2)["held_by_code"] == {"ORDER_NUMBER_REUSED": 1}
        assert states(c) == {"1": ("accepted", "")}
        assert queries.findings_of(c, 2)["code"].to_list() == ["ORDER_NUMBER_REUSED"]


@pytest.mark.parametrize(
    "again",
    ["2026-11-01T00:00:00Z", "2026-11-01T01:00:00+01:00", "2026-11-01", "1/11/26 8:00", None],
)
def test_the_same_instant_written_otherwise_is_the_same_order(
    engine: Engine, again: str | None
) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        assert upload(c, "b", {"order_no": "1", "ordered_at": again}) == {"1": "duplicate"}


def test_a_time_that_could_not_be_read_is_learnt_from_the_corrected_file(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1", "ordered_at": "yesterday"})
        good = {"order_no": "1", "digest": "other", "ordered_at": "2026-11-03T08:00:00+08:00"}
        assert upload(c, "b", good) == {"1": "current"}
        assert upload(c, "c", good | {"ordered_at": "2026-11-04T08:00:00Z"}) == {"1": "reused"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-05T21:06:21+04:00", "2026-04-05T17:06:21Z"),
        ("2026-04-05 21:06:21 +0400", None),
        ("2026-04-05 21:06:21+0400", "2026-04-05T17:06:21Z"),
        ("2026-04-05T21:06+04:00", "2026-04-05T17:06:00Z"),
        ("2026-04-05T21:06:21.500Z", "2026-04-05T21:06:21Z"),
        ("2026-04-05", "2026-04-05"),
        ("2026-02-30", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-04-05T21:06:21", None),
    ],
)
def test_creation_times_are_compared_in_utc(text: str, expected: str | None) -> None:
    assert creation_times(pl.Series([text])).item() == expected


NUMBERS = st.integers(0, 99).map("{:02}".format)
WRITTEN = st.one_of(
    st.builds(
        "{}-{}-{}T{}:{}:{}{}{}:{}".format,
        st.sampled_from(["2026", "2024", "0000", "9999", "２０２６"]),
        *[NUMBERS] * 5, st.sampled_from("+-Z "), NUMBERS, st.sampled_from(["00", "30", "0"]),
    ),
    st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}+08:00".rjust(25, "0")),
    st.sampled_from(["2026-11-01", "2026-12-31T23:59:59-02:00", "2026-11-01T08:00:00+08:00\n", ""]),
    st.none(),
)  # fmt: skip


@given(st.lists(WRITTEN, max_size=5))
def test_times_of_one_form_are_read_together_as_each_by_itself(written: list[str | None]) -> None:
    told = pl.Series("at", written, pl.String)
    slow = reuploads._creation_times(told).to_list()
    assert creation_times(told).to_list() == slow
    assert [creation_times(told.slice(at, 1)).item() for at in range(len(told))] == slow


def test_two_shops_have_an_order_of_the_same_number_each(engine: Engine) -> None:
    with transaction(engine) as c:
        for name, shop in (("a", "us"), ("b", "eu")):
            upload_id = receive(c, name, shop=shop)
            uploads.mark_read(c, upload_id, "l", "template", "orders", {}, 1)
            told = orders.enter(c, upload_id, entries({"order_no": "#1001"}))
            assert told["outcome"].to_list() == ["current"]
        check(c)
        assert lists.claim(c) == 2


def test_entering_an_upload_again_changes_nothing(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2", "digest": "old"})
        upload(c, "b", {"order_no": "2", "digest": "new"}, {"order_no": "3"})
        before = c.exec_driver_sql("SELECT * FROM appearances ORDER BY 1, 2").all()
        again = orders.enter(c, 1, entries({"order_no": "1"}, {"order_no": "2", "digest": "old"}))
        assert again["outcome"].to_list() == ["current", "replaced"]
        assert c.exec_driver_sql("SELECT * FROM appearances ORDER BY 1, 2").all() == before
        assert orders.open_orders(c, "dapu").filter(order_no="2")["upload_id"].item() == 2


def test_blocks_are_entered_one_by_one_and_checked_one_by_one(engine: Engine) -> None:
    with transaction(engine) as c:
        upload_id = receive(c)
        for block, names in enumerate([("3", "1"), ("2",)]):
            told = entries(*({"order_no": name} for name in names))
            orders.enter(c, upload_id, told, block, channel="template")
        with pytest.raises(ValueError, match="channel"):
            orders.enter(c, upload_id, entries({"order_no": "9"}), 2)
    with transaction(engine) as c:
        # After a crash the whole file is read again: what was entered stays as it is.
        told = entries({"order_no": "1"}, {"order_no": "3"})
        again = orders.enter(c, upload_id, told, channel="template")
        assert again.select("order_id", "outcome").rows() == [(1, "current"), (2, "current")]
        orders.enter(c, upload_id, entries({"order_no": "4"}), 2, channel="template")
        uploads.mark_read(c, upload_id, "l", "template", "orders", {}, 4)
        assert queries.uploads_that_do_not_add_up(c) == []
        found = orders.open_blocks(c, "dapu", "v1")
        assert found.rows() == [(1, 0, 2), (1, 1, 1), (1, 2, 1)]
        named = [
            orders.open_orders(c, "dapu", "v1", upload, block)["order_no"].to_list()
            for upload, block, _ in found.rows()
        ]
        assert named == [["1", "3"], ["2"], ["4"]]
        # Read before files had blocks: the whole file is one.
        c.exec_driver_sql("UPDATE orders SET block = NULL WHERE order_no <> '4'")
        assert orders.open_blocks(c, "dapu").rows() == [(1, None, 3), (1, 2, 1)]
        assert orders.open_orders(c, "dapu", None, 1)["order_no"].to_list() == ["1", "3", "2"]
        # Taken over by another file, an order stands in that file's block.
        upload_id = receive(c, "b")
        orders.enter(c, upload_id, entries({"order_no": "3", "digest": "x"}), 5, channel="template")
        assert orders.open_blocks(c, "dapu").rows()[-1] == (2, 5, 1)
        check(c)
        assert orders.open_blocks(c, "dapu", "v1").is_empty()


def test_a_verdict_on_replaced_content_is_not_written(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
    with reading(engine) as c:
        waiting = orders.open_orders(c, "dapu", "v1")
    with transaction(engine) as c:
        upload(c, "b", {"order_no": "1", "digest": "other"})
    verdicts = waiting.select(
        "order_id", "upload_id", state=pl.lit("accepted"), route=pl.lit("list"), codes=pl.lit("")
    )
    with transaction(engine) as c:
        assert orders.record_check(c, "dapu", "v1", 1, verdicts, DAY) == 0
        assert orders.record_check(c, "dapu", "v1", 1, verdicts.drop("upload_id"), DAY) == 1


def test_a_verdict_on_an_order_that_was_issued_meanwhile_is_not_written(engine: Engine) -> None:
    with transaction(engine) as c:
        upload(c, "a", {"order_no": "1"})
        check(c)
        waiting = orders.open_orders(c, "dapu")
        issue(c)
        verdicts = waiting.select(
            "order_id", state=pl.lit("held"), route=pl.lit(None), codes=pl.lit("X")
        )
        assert orders.record_check(c, "dapu", "v2", 2, verdicts, DAY) == 0
        assert states(c) == {"1": ("declared", "")}


def test_an_order_twice_in_one_file_is_the_callers_fault(engine: Engine) -> None:
    with transaction(engine) as c:
        receive(c)
        uploads.mark_read(c, 1, "l", "template", "orders", {}, 2)
        with pytest.raises(ValueError, match="twice"):
            orders.enter(c, 1, entries({"order_no": "1"}, {"order_no": "1"}))
