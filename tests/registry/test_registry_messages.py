"""Messages to customs as rows: their order, and that nothing goes twice by itself."""

from datetime import timedelta

import polars as pl
import pytest
from registry_steps import NOW, check, issue, upload
from sqlalchemy import Connection, Engine

from xborder.registry import audit, database, filings, messages
from xborder.registry.staging import run


def new(*kinds: str, of: str = "a") -> list[messages.NewMessage]:
    return [
        messages.NewMessage(f"{of}-{n}".rjust(36, "0"), kind, f"x/{n}.xml", "0" * 64, 1)
        for n, kind in enumerate(kinds)
    ]


@pytest.fixture
def c(engine: Engine):
    """A registry with one manifest of one list."""
    with database.transaction(engine) as connection:
        upload(connection, "a", {"order_no": "1"})
        check(connection)
        issue(connection)
        yield connection


def taken(c: Connection, exporter: str = "dapu") -> str | None:
    """Send the next message; its kind."""
    row = messages.next_of(c, exporter, NOW)
    if row is None:
        return None
    assert messages.begin(c, row.id, "outbox")
    assert not messages.begin(c, row.id, "outbox"), "another run had it too"
    messages.sent(c, row.id, NOW, "x")
    return row.kind


def test_lists_go_after_their_orders_and_exporters_by_themselves(c: Connection) -> None:
    ids = messages.queue(c, "dapu", new("303", "303", "505", "603"), 1)
    assert messages.queue(c, "dapu", new("303", "303", "505", "603"), 1) == ids == [1, 2, 3, 4]
    messages.queue(c, "meixian", new("605", of="b"))
    assert [taken(c) for _ in range(5)] == ["303", "303", "505", "603", None]
    assert taken(c, "meixian") == "605"
    assert messages.unsent(c) == []
    assert audit.verify(c) is None


def test_what_was_not_taken_holds_up_those_behind_it_until_its_time(c: Connection) -> None:
    messages.queue(c, "dapu", new("303", "303", "603"), 1)
    first = messages.next_of(c, "dapu", NOW)
    messages.begin(c, first.id, "http")
    messages.not_taken(c, first.id, "X", NOW + timedelta(minutes=1))
    assert messages.next_of(c, "dapu", NOW) is None
    assert messages.next_of(c, "dapu", NOW, waiting=True).id == first.id
    later = messages.next_of(c, "dapu", NOW + timedelta(minutes=1))
    assert (later.id, later.attempts, later.code) == (first.id, 1, "X")


def test_a_failed_order_holds_up_its_lists_only(c: Connection) -> None:
    messages.queue(c, "dapu", new("303", "303", "603"), 1)
    messages.queue(c, "dapu", new("605", of="b"))
    messages.begin(c, 1, "http")
    messages.not_taken(c, 1, "X", None)
    assert [taken(c) for _ in range(3)] == ["303", "605", None]
    assert messages.again(c, 1)
    assert [taken(c) for _ in range(3)] == ["303", "603", None]
    assert not messages.again(c, 1), "it was sent"


def test_a_doubtful_message_waits_for_its_answer(c: Connection) -> None:
    told = pl.DataFrame([("303", "无/1", "1", 1)], schema=filings.NEW, orient="row")
    filings.enter(c, "dapu", NOW, told)
    messages.queue(c, "dapu", new("303", "603"), 1)
    links = pl.DataFrame([("303", 1, 1)], schema=messages.LINKS, orient="row")
    assert messages.link(c, links) == 1
    messages.begin(c, 1, "http")
    messages.doubtful(c, 1, "MESSAGE_DOUBTFUL")
    assert messages.next_of(c, "dapu", NOW, waiting=True) is None
    assert messages.answered(c, NOW) == 0
    run(c, "UPDATE filings SET status = '120'")
    assert messages.answered(c, NOW) == 1
    assert taken(c) == "603"


def test_a_message_is_named_by_number_or_manifest(c: Connection) -> None:
    messages.queue(c, "dapu", new("303", "603"), 1)
    number = run(c, "SELECT number FROM manifests").scalar()
    assert [row.id for row in messages.named(c, number.lower())] == [1, 2]
    assert [row.id for row in messages.named(c, "2")] == [2]
    assert messages.counts(c)[0] == {
        "exporter": "dapu", "kind": "303", "state": "queued", "messages": 1, "entities": 1,
    }  # fmt: skip
