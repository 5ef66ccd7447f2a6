"""An order whose every line was given back has come to nothing, as a cancelled one has."""

from xborder.intake.parse import parse
from xborder.registry.entries import entries

HEAD = "Order Number,Order Status,Order Date,Country Code (Shipping),Item #,SKU,Quantity"
HEAD += ",Quantity (- Refund),Item Cost\n"
AT = "2026-06-01 18:26:00"


def test_orders_given_back_are_entered_without_content() -> None:
    rows = [
        f"5,Completed,{AT},DE,1,CUP,1,0,9.90",
        f"6,Refunded,{AT},DE,1,CUP,1,1,9.90",
        f"7,Completed,{AT},DE,1,CUP,1,1,9.90",
        f"7,Completed,{AT},DE,2,POT,1,0,9.90",
    ]
    read = parse((HEAD + "\n".join(rows)).encode(), "orders.csv")
    assert read.layout == "woocommerce_orders"
    entered = entries(read.records, read.rows)
    told = entered.select("order_no", "cancelled", "lines").rows()
    assert told == [("5", True, 0), ("6", True, 0), ("7", False, 1)]
