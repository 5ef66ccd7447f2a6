"""What dangerous goods need for their way (危险品): magnets and lithium batteries (R43, R44).

Whether goods hold any is stated in the catalogue; what that blocks hangs on how the order
travels: by air, by post, or otherwise. Limits are a dated table (``hazard_limit``).
"""

from datetime import date

import polars as pl

from xborder.checks.rules import Rule
from xborder.schemas.tables import Tables

AIR, POST = "5", "6"
"""Transport modes (运输方式) of CEB trafMode; post is taken to fly."""


def rules(tables: Tables, on: date) -> list[Rule]:
    """What the way of an order asks of its goods."""
    c = pl.col
    air, post = c("shipment.transport_mode") == AIR, c("shipment.transport_mode") == POST
    flies = air | post
    otherwise = c("shipment.transport_mode").is_not_null() & ~flies
    free, most, wh, cell = (
        pl.lit(str(tables.hazard_limit(code, on)))
        for code in ("magnet_free", "magnet_most", "battery_wh", "cell_wh")
    )
    un = {"un": c("goods.hazard.un"), "instruction": c("goods.hazard.instruction")}
    near = {"field": c("goods.magnet_field_2m1"), "free": free}
    over = un | {"battery": wh, "cell": cell}

    def h(name: str) -> pl.Expr:
        return c(f"goods.hazard.{name}")

    class_9 = h("battery_large")
    return [
        Rule("MAGNET_TEST_MISSING", "goods", "magnet_report_no", flies & h("magnet_untested")),
        Rule("MAGNET_TEST_ADVISED", "goods", "magnet_report_no", flies & h("magnet_advised")),
        Rule("MAGNET_FIELD_UNKNOWN", "goods", "magnet_field_4m6", flies & h("magnet_second"),
             params=near),
        Rule("MAGNET_CLASS_9", "goods", "magnet_field_2m1", flies & h("magnet_class_9"),
             params=near),
        Rule("MAGNET_TOO_STRONG", "goods", "magnet_field_4m6", flies & h("magnet_too_strong"),
             params={"field": c("goods.magnet_field_4m6"), "most": most}),
        Rule("UN38_3_MISSING", "goods", "un38_3_no", flies & h("un38_3_lacks"), params=un),
        Rule("UN38_3_ADVISED", "goods", "un38_3_no", otherwise & h("un38_3_lacks"), params=un),
        Rule("BATTERY_WH_MISSING", "goods", "battery_wh", flies & h("wh_lacks"), params=un),
        Rule("BATTERY_CLASS_9", "goods", "battery_wh", air & class_9, params=over),
        Rule("BATTERY_CARGO_AIRCRAFT", "goods", "battery", air & h("battery_alone")),
        Rule("BATTERY_NOT_BY_POST", "goods", "battery_wh",
             post & (class_9 | h("battery_alone")), params=over),
    ]  # fmt: skip
