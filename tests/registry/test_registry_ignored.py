"""A change after issue that the operator ignored stays ignored while it says the same."""

from collections.abc import Iterator

import pytest
from registry_steps import check, issue, upload
from sqlalchemy import Connection, Engine

from xborder.registry import database, lists, versions
from xborder.registry.staging import run


@pytest.fixture
def ignored(engine: Engine) -> Iterator[Connection]:
    """Two issued orders; a change of the first came, and was ignored."""
    with database.transaction(engine) as c:
        upload(c, "a", {"order_no": "1"}, {"order_no": "2"})
        check(c)
        issue(c)
        assert upload(c, "b", {"order_no": "1", "digest": "new"})["1"] == "changed_after_issue"
        assert versions.ignore(c, [1]) == 1
        yield c


def state(c: Connection) -> tuple[str, bool]:
    one = run(c, "SELECT state, proposed_cancellation FROM orders WHERE id = 1").one()
    return one[0], bool(one[1])


def test_the_next_cumulative_export_asks_nothing_again(ignored: Connection) -> None:
    c = ignored
    told = upload(c, "c", {"order_no": "1", "digest": "new"}, {"order_no": "2", "digest": "new"})
    assert told == {"1": "duplicate", "2": "changed_after_issue"}, "one order's answer is its own"
    assert versions.ignore(c, [1]) == 0
    assert run(c, "SELECT digest FROM orders WHERE id = 1").scalar() == "content"
    # Something else is a question of its own; what was ignored before stays so.
    assert upload(c, "d", {"order_no": "1", "digest": "newer"})["1"] == "changed_after_issue"
    assert versions.ignore(c, [1]) == 1
    for name, digest in (("e", "new"), ("f", "newer"), ("g", "content")):
        assert upload(c, name, {"order_no": "1", "digest": digest})["1"] == "duplicate"


def test_another_status_is_still_told(ignored: Connection) -> None:
    c = ignored
    gone = {"order_no": "1", "digest": "new", "status_digest": "void", "cancelled": True}
    assert upload(c, "c", gone) == {"1": "notice"}
    assert state(c) == ("declared", True)


def test_what_is_not_declared_any_more_takes_it(ignored: Connection) -> None:
    c = ignored
    assert lists.cancelled(c, [1]) == 1
    assert upload(c, "c", {"order_no": "1", "digest": "new"}) == {"1": "current"}
