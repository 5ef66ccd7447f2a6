"""No number and no number of lines in one order ends the check of the others."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xborder.checks import check_orders

MOST = "99999999999999.99999"
LARGE = [MOST, f"-{MOST}", "0.00001", "-0.00001", "0", "1", "9" * 40, "NaN", "1e309", "9" * 200]
AMOUNTS = st.sampled_from([*LARGE, None]) | st.decimals(
    f"-{MOST}", MOST, places=5, allow_nan=False
).map(lambda number: f"{number:f}")
LINE = st.fixed_dictionaries(
    {
        name: AMOUNTS
        for name in (
            "qty",
            "unit_price",
            "line_total",
            "line_discount",
            "order_discount",
            "freight",
        )
    }
)
GOODS = st.fixed_dictionaries(
    {name: AMOUNTS for name in ("qty1_per_unit", "net_weight", "gross_weight")}
    | {"unit": st.sampled_from(["035", "011"])}
)
SHIPMENT = st.fixed_dictionaries({name: AMOUNTS for name in ("gross_weight", "net_weight")})


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LINE, min_size=1, max_size=4), GOODS, SHIPMENT)
def test_any_amounts_are_judged_and_leave_the_other_order_alone(
    world: Any, rows: list[dict[str, Any]], catalogued: dict[str, Any], sent: dict[str, Any]
) -> None:
    hostile = [{"sku": "HUGE", **row} for row in rows]
    sound = {"order_no": "#1002"}
    context = world.context(
        goods=world.goods({}, {"sku": "HUGE", **catalogued}),
        shipments=world.shipments(sent, sound | {"logistics_no": "SF1002"}),
    )
    result = check_orders(world.lines(*hostile, sound), context)
    states = dict(result.orders.select("order_no", "state").iter_rows())
    assert states["#1002"] == "accepted"
    assert set(states) == {"#1001", "#1002"}


@pytest.mark.parametrize("sign", ["", "-"])
def test_amounts_beyond_a_message_are_held(world: Any, sign: str) -> None:
    huge = {"qty": MOST, "unit_price": MOST, "line_total": sign + MOST}
    result = check_orders(world.lines(huge, {"order_no": "#1002"}), world.context())
    assert result.orders.get_column("state").to_list()[0] == "held"
    assert "LINE_TOTAL_DIFFERS" in result.orders.item(0, "codes")


@pytest.mark.slow
def test_an_order_of_more_lines_than_are_counted_is_held(world: Any) -> None:
    result = check_orders(world.lines(*({} for _ in range(65_537))), world.context())
    assert result.orders.item(0, "state") == "held"
    assert "ORDER_TOO_MANY_LINES" in result.orders.item(0, "codes")
