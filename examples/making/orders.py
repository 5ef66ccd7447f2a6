"""Orders and parcels (订单、包裹) of the examples, before they are written in some format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

Goods = Mapping[str, Mapping[str, str]]
"""SKU → canonical goods columns, and ``price`` (of one declared unit, not written)."""

LINES_OF_ORDER = (1, 2, 1, 1, 3, 1, 2)
QUANTITIES = (1, 2, 1, 4, 1, 2, 1, 1, 3)


@dataclass
class Order:
    """One order: ``lines`` hold canonical columns; ``head`` what holds for the whole order.

    ``parcel`` holds shipment columns that differ from the shop's usual ones; None: not sent.
    """

    no: str
    at: datetime
    country: str
    currency: str
    lines: list[dict[str, str]] = field(default_factory=list)
    head: dict[str, str] = field(default_factory=dict)
    parcel: dict[str, str] | None = field(default_factory=dict)


def cents(value: Decimal) -> Decimal:
    """Rounded half up to two digits."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def line(goods: Goods, sku: str, qty: str, **other: str) -> dict[str, str]:
    """A line with the catalogue's price; ``other`` columns replace or add."""
    known = goods.get(sku, {})
    return {
        "sku": sku,
        "goods_name": known.get("item_name", ""),
        "qty": qty,
        "unit_price": known.get("price", ""),
    } | other


def make(
    goods: Goods,
    skus: Sequence[str],
    numbers: Iterable[str],
    start: str,
    countries: Sequence[str],
    currency: str,
    hours: int = 5,
) -> list[Order]:
    """Ordinary orders without a fault: baskets, quantities and countries take turns."""
    begun = datetime.fromisoformat(start)
    made = []
    for at, number in enumerate(numbers):
        basket = [
            skus[(at * 5 + place * 3) % len(skus)]
            for place in range(LINES_OF_ORDER[at % len(LINES_OF_ORDER)])
        ]
        lines = [
            line(goods, sku, str(QUANTITIES[(at + place) % len(QUANTITIES)]))
            for place, sku in enumerate(dict.fromkeys(basket))
        ]
        when = begun + timedelta(hours=hours * at, minutes=at * 17 % 60, seconds=at * 29 % 60)
        made.append(Order(number, when, countries[at % len(countries)], currency, lines))
    return made


def find(orders: Iterable[Order], number: str) -> Order:
    """The order of that number."""
    return next(order for order in orders if order.no == number)


def alone(order: Order, goods: Goods, sku: str, qty: str = "1", **other: str) -> Order:
    """Make the order one line of this SKU, so that a planted fault holds nothing else."""
    order.lines = [line(goods, sku, qty, **other)]
    return order


def net_weight(order: Order, goods: Goods) -> Decimal:
    """Net weight in kg of the lines whose SKU and quantity are known; at least 0.1."""
    total = Decimal(0)
    for one in order.lines:
        qty = one["qty"]
        if one["sku"] in goods and qty.isdigit():
            total += Decimal(qty) * Decimal(goods[one["sku"]]["net_weight"])
    return max(total, Decimal("0.1"))


def shipments(
    orders: Iterable[Order],
    goods: Goods,
    usual: Mapping[str, str],
    ports: Mapping[str, str],
    days: Sequence[str],
    waybill: str,
) -> Iterator[dict[str, str]]:
    """One parcel an order; ``waybill`` is a prefix before eight digits, days take turns."""
    for at, order in enumerate(orders):
        if order.parcel is None:
            continue
        gross = net_weight(order, goods) * Decimal("1.15") + Decimal("0.12")
        yield {
            "order_no": order.no,
            **usual,
            "logistics_no": f"{waybill}{at + 1:08d}",
            "pieces": "1",
            "gross_weight": str(gross.quantize(Decimal("0.001"), ROUND_HALF_UP)),
            "export_date": days[at % len(days)],
            "destination_port": ports.get(order.country, next(iter(ports.values()))),
        } | order.parcel
