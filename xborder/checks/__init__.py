"""What is wrong with a line, an order, a shipment: rules on columns, answers at cells."""

from xborder.checks.context import WAYBILLS, Context
from xborder.checks.orders import VERDICTS, OrderCheck
from xborder.checks.orders import check as check_orders
from xborder.checks.places import placements
from xborder.checks.records import RecordCheck
from xborder.checks.records import check as check_records

__all__ = [
    "VERDICTS", "WAYBILLS", "Context", "OrderCheck", "RecordCheck", "check_orders",
    "check_records", "placements",
]  # fmt: skip
