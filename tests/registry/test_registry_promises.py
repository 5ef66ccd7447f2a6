"""Any sequence of uploads, checks and cut-offs keeps the promises; an independent model agrees."""

from dataclasses import dataclass, field
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_steps import NOW, check, issue, upload, wipe
from sqlalchemy import Connection, Engine, event, text

from xborder.registry import audit, lists, queries, uploads, volumes
from xborder.registry.database import transaction

NUMBERS = [f"#{n}" for n in range(1, 6)]

ENTRY = st.fixed_dictionaries(
    {
        "order_no": st.sampled_from(NUMBERS),
        "digest": st.sampled_from(["one", "two", ""]),
        "status_digest": st.sampled_from(["paid", "sent"]),
        "ordered_at": st.sampled_from(
            ["2026-11-01T08:00:00+08:00"] * 4 + ["2026-11-05T00:00:00Z", None]
        ),
        "cancelled": st.sampled_from([False, False, False, True]),
        "rows": st.integers(1, 3),
        "lines": st.just(1),
    }
)
UPLOAD = st.lists(ENTRY, min_size=1, max_size=4, unique_by=lambda one: one["order_no"])
STEP = st.one_of(
    st.tuples(st.just("upload"), UPLOAD),
    st.tuples(st.just("check"), st.sets(st.sampled_from(NUMBERS), max_size=2)),
    st.tuples(st.just("claim"), st.none()),
    st.tuples(st.just("issue"), st.none()),
    st.tuples(st.just("again"), st.none()),
)


@dataclass
class Order:
    """What the model remembers of an order."""

    content: str
    status: tuple[str, bool]
    at: str | None
    issued: bool = False


@dataclass
class Model:
    """The re-upload table once more, an order at a time, in plain Python."""

    orders: dict[str, Order] = field(default_factory=dict)

    def enter(self, told: dict[str, object]) -> str:
        number, content, at = str(told["order_no"]), str(told["digest"]), told["ordered_at"]
        status = (str(told["status_digest"]), bool(told["cancelled"]))
        known = self.orders.get(number)
        if known is None:
            self.orders[number] = Order(content, status, at)  # type: ignore[arg-type]
            return "current"
        if at and known.at and at != known.at:
            return "reused"
        if content in (known.content, ""):
            if status == known.status:
                return "duplicate"
            known.status = status
            return "notice"
        known.status = status
        if known.issued:
            return "changed_after_issue"
        known.content, known.at = content, at or known.at  # type: ignore[assignment]
        return "current"


def everything_holds(c: Connection, model: Model) -> None:
    assert queries.orders_on_two_lists(c) == []
    assert queries.uploads_that_do_not_add_up(c) == []
    for row in queries.uploads(c):
        told = queries.receipt(c, row.id)
        assert told["adds_up"]
        assert sum(told["excluded_by_code"].values()) == told["excluded"]
        assert sum(told["orders"].values()) == orders_of(c, row.id)
    numbers = c.execute(text("SELECT cop_no FROM lists ORDER BY id")).scalars().all()
    assert numbers == [f"XB20261120{n:010d}" for n in range(1, len(numbers) + 1)]
    issued = [row["number"] for row in queries.manifests(c)]
    assert issued == [f"XB604120261120{n:05d}" for n in range(1, len(issued) + 1)]
    live = c.execute(
        text(
            "SELECT o.order_no, o.state, o.open, o.cancelled, l.state AS list FROM orders o"
            " LEFT JOIN lists l ON l.order_id = o.id AND l.live"
        )
    ).all()
    assert {row.order_no for row in live} == set(model.orders)
    for row in live:
        known = model.orders[row.order_no]
        assert (row.state == "declared") == (row.list == "issued") == known.issued
        assert bool(row.open) == (row.state in ("held", "accepted"))
        assert bool(row.cancelled) == known.status[1]
        if row.state == "excluded":
            assert row.list is None and row.cancelled
    questions = text(
        "SELECT count(*) FROM order_entries WHERE outcome = 'changed_after_issue'"
        " GROUP BY order_id HAVING count(*) > 1"
    )
    assert c.execute(questions).all() == []
    assert audit.verify(c) is None


def orders_of(c: Connection, upload_id: int) -> int:
    asked = text("SELECT count(*) FROM appearances WHERE upload_id = :id")
    return int(c.execute(asked, {"id": upload_id}).scalar_one())


def walk(engine: Engine, steps: list[tuple[str, object]]) -> None:
    wipe(engine)
    model = Model()
    for place, (step, told) in enumerate(steps):
        with transaction(engine) as c:
            if step == "upload":
                assert isinstance(told, list)
                outcomes = upload(c, f"u{place}", *told)
                assert outcomes == {one["order_no"]: model.enter(one) for one in told}
            elif step == "check":
                check(c, f"v{place}", tuple(told))  # type: ignore[arg-type]
            elif step == "claim":
                lists.claim(c)
            elif step == "issue":
                issue(c)
                asked = text("SELECT order_no FROM orders WHERE state = 'declared'")
                for number in c.execute(asked).scalars():
                    model.orders[number].issued = True
            elif queries.uploads(c):
                first = queries.uploads(c)[0]
                before = queries.receipt(c, first.id)
                again = uploads.receive(
                    c, first.sha256, "dapu", "shop", "orders", "renamed.csv", 10, NOW
                )
                assert (again.upload_id, again.new) == (first.id, False)
                after = queries.receipt(c, first.id)
                assert after == before | {"deliveries": before["deliveries"] + 1}
                told_again = queries.delivery_receipt(c, again.delivery_id)
                assert told_again["duplicate"] == told_again["rows"] == first.rows
                assert told_again["first"] == first.id
            everything_holds(c, model)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=2, max_size=9), full=st.sampled_from([1, 3, volumes.FULL]))
def test_any_sequence_keeps_the_promises(
    engine: Engine, steps: list[tuple[str, object]], full: int
) -> None:
    with mock.patch.object(volumes, "FULL", full):
        walk(engine, steps)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(40)))
def test_numbers_do_not_depend_on_the_order_of_rows(engine: Engine, order: list[int]) -> None:
    wipe(engine)
    with transaction(engine) as c:
        upload(c, "a", *({"order_no": f"#{n:03d}"} for n in order))
        check(c)
        lists.claim(c)
        given_out = lists.pending(c).select("order_no", "cop_no").sort("order_no")
    assert given_out["cop_no"].to_list() == [f"XB20261120{n:010d}" for n in range(1, 41)]


def test_entering_takes_as_many_statements_for_many_orders_as_for_few(engine: Engine) -> None:
    told: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: told.append(args[2]))
    spent = []
    for size in (10, 5000):
        wipe(engine)
        known = [{"order_no": f"N{i:05d}"} for i in range(size)]
        news = [{"order_no": f"M{i:05d}"} for i in range(size)]
        changed = [one | {"digest": "other"} for one in known]
        del told[:]
        with transaction(engine) as c:
            upload(c, "a", *known)
            upload(c, "b", *known, *news)
            upload(c, "c", *changed)
            check(c)
            assert lists.claim(c) == 2 * size
            issue(c)
        spent.append(len(told))
    assert spent[0] == spent[1]
