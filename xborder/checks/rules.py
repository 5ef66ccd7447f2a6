"""The rules on joined lines, as data: a code, the cell to change, and when it is broken.

Rule numbers (R01 …) are those of ``docs/rules.md``; each finding's catalogue entry names its
source. What rests on an unverified fact has a
warning of its own; only a verified fact holds an order.
"""

import dataclasses
from collections.abc import Mapping
from datetime import date
from functools import cached_property

import polars as pl

from xborder.checks.amounts import exactly, half_up, plain
from xborder.checks.places import VIOLATIONS
from xborder.schemas.levels import Asked, Condition, Levels, conditions
from xborder.schemas.tables import Tables

LIST_MODES = ("9610", "9710", "9810")
B2B_MODES = ("9710", "9810")
ORDER_TYPES = {"9610": "E", "9710": "B", "9810": "W", "1210": "E"}
MOST_LINES = 100
"""A list, and an order message, hold at most 100 goods lines (R23)."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule of the joined lines: where ``when`` is true, ``field`` of ``source`` is wrong.

    ``once`` marks a rule of the whole order: it is reported at the order's first line.
    """

    code: str
    source: str
    field: str
    when: pl.Expr
    expected: pl.Expr | str = ""
    once: bool = False
    params: Mapping[str, pl.Expr] = dataclasses.field(default_factory=dict)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What all must be true for the rule to be broken."""
        return conditions(self.when)

    @cached_property
    def told(self) -> tuple[dict[str, pl.Expr], frozenset[str]]:
        """The columns of its violations but for what is stated, and what they read."""
        told = {
            "at": c("at"),
            "source": pl.lit(self.source),
            "field": pl.lit(self.field),
            "code": pl.lit(self.code),
            "value": pl.lit(""),
            "expected": pl.lit(self.expected)
            if isinstance(self.expected, str)
            else self.expected.cast(pl.String).fill_null(""),
            "params": pl.struct(
                [text.alias(name) for name, text in self.params.items()]
            ).struct.json_encode()
            if self.params
            else pl.lit("{}"),
        }
        return told, frozenset(one for expr in told.values() for one in expr.meta.root_names())


def c(name: str) -> pl.Expr:
    return pl.col(name)


_listed = c("profile.mode").is_in(LIST_MODES)
_b2b = c("profile.mode").is_in(B2B_MODES)
_flag_a = c("profile.statistics_flag") == "A"
_has_goods = c("goods.hs_code").is_not_null()
_has_shipment = c("shipment.logistics_no").is_not_null()
_in_tariff = c("tariff.unit1").is_not_null()
_rebate = c("goods.rebate") == "Y"


def line_rules() -> list[Rule]:
    """What a line must satisfy by itself: amounts and the order's own head."""
    return [
        Rule(
            "LINE_TOTAL_DIFFERS", "line", "line_total", c("total_differs"),
            expected=plain(half_up(c("d.product"), 5)),
            params={"qty": c("qty"), "price": c("unit_price")},
        ),
        *(
            Rule(
                "ORDER_HEAD_DIFFERS", "line", name,
                c(name).is_not_null() & (c(name) != c(f"head.{name}")),
                expected=c(f"head.{name}"),
            )
            for name in ("currency", "country", "ordered_at", "warehouse")
        ),
        Rule(
            "ORDER_TOO_MANY_LINES", "line", "order_no", c("lines") > MOST_LINES,
            expected=str(MOST_LINES), once=True,
            params={"lines": c("lines").cast(pl.String),
                    "parts": ((c("lines") + MOST_LINES - 1) // MOST_LINES).cast(pl.String)},
        ),
    ]  # fmt: skip


def goods_rules() -> list[Rule]:
    """The line against the goods catalogue (商品备案) and the tariff of the day.

    A fact's ``verified`` is null where the operator refused it: then neither rule is broken.
    """
    listed = c("tariff.unit1")
    verified = c("tariff.unit_verified")
    unit1_differs = _in_tariff & (c("goods.unit1") != listed)
    unit2_differs = _in_tariff & c("goods.unit2").ne_missing(c("tariff.unit2"))
    conditions = {"conditions": c("tariff.conditions")}
    lacks = c("goods.elements.missing_zh") != ""
    elements = {name: c(f"goods.elements.{name}")
                for name in ("key", "wanted", "given", "missing_zh", "missing_en")}  # fmt: skip
    return [
        Rule("SKU_NOT_IN_CATALOGUE", "line", "sku", c("sku").is_not_null() & ~_has_goods),
        Rule(
            "LINE_UNIT_DIFFERS", "line", "unit",
            _has_goods & (c("unit") != c("goods.unit")), expected=c("goods.unit"),
        ),
        Rule(
            "LINE_HS_CODE_DIFFERS", "line", "hs_code",
            _has_goods & (c("hs_code") != c("goods.hs_code")), expected=c("goods.hs_code"),
        ),
        Rule("HS_CODE_NOT_IN_TARIFF", "goods", "hs_code",
             _has_goods & ~_in_tariff & c("known.subheading")),
        Rule("HS_CODE_OUTSIDE_TABLE", "goods", "hs_code",
             _has_goods & ~_in_tariff & ~c("known.subheading")),
        Rule("STATUTORY_UNIT_DIFFERS", "goods", "unit1", unit1_differs & verified, expected=listed),
        Rule("STATUTORY_UNIT_UNVERIFIED", "goods", "unit1", unit1_differs & ~verified,
             expected=listed, params={"hs_code": c("goods.hs_code")}),
        Rule("STATUTORY_UNIT_DIFFERS", "goods", "unit2", unit2_differs & verified,
             expected=c("tariff.unit2").fill_null("—")),
        Rule("STATUTORY_UNIT_UNVERIFIED", "goods", "unit2", unit2_differs & ~verified,
             expected=c("tariff.unit2").fill_null("—"),
             params={"hs_code": c("goods.hs_code")}),
        Rule(
            "SAME_UNIT_OTHER_QUANTITY", "goods", "qty1_per_unit",
            (c("goods.unit") == c("goods.unit1")) & (c("d.qty1_per_unit") != exactly("1")),
            expected="1",
        ),
        Rule(
            "NET_WEIGHT_PER_KILOGRAM", "goods", "net_weight",
            (c("goods.unit1") == "035") & (c("d.qty1_per_unit") != c("d.net_per_unit")),
            expected=c("goods.qty1_per_unit"),
        ),
        Rule("EXPORT_LICENCE_UNVERIFIED", "goods", "hs_code",
             c("tariff.licence_unverified"), params=conditions),
        Rule("INSPECTION_UNVERIFIED", "goods", "hs_code",
             c("tariff.inspection_unverified"), params=conditions),
        Rule("ELEMENTS_MISSING", "goods", "gmodel", lacks & c("goods.elements.verified"),
             params=elements),
        Rule("ELEMENTS_MISSING_UNVERIFIED", "goods", "gmodel",
             lacks & ~c("goods.elements.verified"), params=elements),
        *(
            Rule(f"HAZARD_DENIED{ending}", "goods", field, denied & sure,
                 params={"hs_code": c("goods.hs_code"), "hazard_zh": pl.lit(zh),
                         "hazard_en": pl.lit(en)})
            for field, denied, zh, en in (
                ("magnet", c("tariff.magnet_expected") & (c("goods.magnet") == "N"),
                 "磁体", "magnets"),
                ("battery", c("tariff.battery_expected") & (c("goods.battery") == "none"),
                 "电池", "batteries"),
            )
            for ending, sure in (("", c("tariff.hazards_verified")),
                                 ("_UNVERIFIED", ~c("tariff.hazards_verified")))
        ),
    ]  # fmt: skip


def shipment_rules(months: int) -> list[Rule]:
    """The order against its shipment (发货资料): waybill, parcels, weights, logistics number."""
    return [
        Rule("AWAITING_SHIPMENT", "line", "order_no", ~_has_shipment, once=True),
        Rule(
            "SEVERAL_PARCELS", "shipment", "logistics_no", c("shipment.parcels") > 1, once=True,
            params={"parcels": c("shipment.parcels").cast(pl.String)},
        ),
        Rule(
            "NET_ABOVE_GROSS", "shipment", "gross_weight", c("d.net") > c("d.gross"), once=True,
            expected=plain(c("d.net")),
        ),
        Rule(
            "LOGISTICS_NO_REUSED", "shipment", "logistics_no", c("waybill.taken_by").is_not_null(),
            once=True,
            params={"order": c("waybill.taken_by"), "months": pl.lit(str(months))},
        ),
        Rule(
            "LOGISTICS_NO_TWICE", "shipment", "logistics_no",
            _has_shipment & c("waybill.twice"), once=True,
        ),
    ]  # fmt: skip


def mode_rules(tables: Tables, on: date) -> list[Rule]:
    """Mode, flag and route (R01–R12): the shop's declaration profile against the order."""
    pilot = sorted(tables.pilot_zone_offices(on))
    order_type = c("profile.mode").replace_strict(ORDER_TYPES, default=None)
    to_list = c("route") == "list"
    conditions = {"conditions": c("tariff.conditions")}
    unlicensed = c("goods.licence_no").is_null() & c("shipment.licence_no").is_null()
    return [
        Rule("MODE_NOT_ENABLED", "profile", "mode", ~_listed, expected=" ".join(LIST_MODES), once=True),
        Rule(
            "ORDER_TYPE_AGAINST_MODE", "line", "order_type",
            _listed & (c("order_type") != order_type), expected=order_type,
            params={"mode": c("profile.mode")},
        ),
        Rule("WAREHOUSE_MISSING", "line", "warehouse",
             (c("profile.mode") == "9810") & c("head.warehouse").is_null(), once=True),
        Rule(
            "ORDER_NUMBER_TAKEN", "line", "order_no", c("number.other_order").is_not_null(),
            once=True,
            params={"shop": c("number.other_shop"), "order": c("number.other_order"),
                    "place": c("number.place"), "declared": c("number.declared_no"),
                    "platform": c("profile.platform_code")},
        ),
        # What is no ISO code at all was told by the line's schema.
        Rule("EXCHANGE_RATE_MISSING", "line", "currency",
             _b2b & c("head.currency").str.contains("^[A-Z]{3}$") & c("cny_rate").is_null(),
             once=True),
        Rule("CURRENCY_NOT_DECLARABLE", "line", "currency",
             c("head.currency").str.contains("^[A-Z]{3}$") & c("customs.currency").is_null(),
             once=True),
        Rule("COUNTRY_NOT_DECLARABLE", "line", "country",
             c("head.country").str.contains("^[A-Z]{2}$") & c("customs.country").is_null(),
             once=True),
        Rule("FLAG_NOT_FOR_MODE", "profile", "statistics_flag",
             _b2b & to_list & ~_flag_a, expected="A", once=True),
        Rule("FLAG_A_OUTSIDE_PILOT_ZONE", "profile", "statistics_flag",
             _listed & to_list & _flag_a & ~c("profile.customs_code").is_in(pilot),
             expected=" ".join(pilot), once=True),
        Rule("REBATE_FORCES_FLAG_B", "goods", "rebate",
             (c("profile.mode") == "9610") & _flag_a & _rebate, expected="N"),
        Rule("LICENCE_FORBIDS_FLAG_A", "profile", "statistics_flag",
             (c("profile.mode") == "9610") & _flag_a & c("tariff.licence"), expected="B"),
        Rule("LICENCE_NO_MISSING", "goods", "licence_no",
             to_list & c("tariff.licence") & ~c("tariff.cites") & unlicensed),
        # Their certificate stands in no field of a list (R45).
        Rule("CITES_NOT_BY_LIST", "goods", "hs_code", to_list & c("tariff.cites"),
             params=conditions),
        Rule("CITES_CERTIFICATE_MISSING", "goods", "cites_no",
             (c("route") == "declaration") & c("tariff.cites") & c("goods.cites_no").is_null()
             & unlicensed, params=conditions),
        Rule("EXPORT_INSPECTION_NEEDED", "goods", "hs_code", to_list & c("tariff.inspection"),
             params=conditions | {"ciq": c("tariff.ciq").fill_null("—")}),
        Rule("PLATFORM_CODE_MISSING", "profile", "platform_code",
             _listed & c("profile.platform_code").is_null(), once=True),
        Rule("ROUTE_IS_DECLARATION", "line", "order_no", c("route") == "declaration", once=True,
             params={"why_zh": c("route.why_zh"), "why_en": c("route.why_en")}),
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Book:
    """Rules that are applied together, to table after table."""

    rules: tuple[Rule, ...]

    @cached_property
    def asked(self) -> dict[bool, Asked]:
        """What the rules of lines (False) and of whole orders (True) ask, by their places."""
        found: dict[bool, dict[str, tuple[Condition, ...]]] = {}
        for at, rule in enumerate(self.rules):
            found.setdefault(rule.once, {})[str(at)] = rule.conditions
        return {once: Asked(wanted) for once, wanted in found.items()}


def apply(book: Book, lines: Levels, orders: Levels | None = None) -> pl.DataFrame:
    """The violations of all rules; columns of ``places.VIOLATIONS``.

    ``lines`` has all columns by line, ``orders`` by order (those of the line from its first);
    both have ``at``. A rule is judged at the level on which its columns stand.
    """
    found: dict[int, pl.DataFrame] = {}
    for once, asked in book.asked.items():
        if (levels := orders if once else lines) is not None:
            for at, rows in levels.where(asked).items():
                found[int(at)] = _violations(book.rules[int(at)], levels, rows)
    told = [found[at] for at in sorted(found)]
    return pl.concat(told) if told else pl.DataFrame(schema=VIOLATIONS)


def _violations(rule: Rule, levels: Levels, rows: pl.Series) -> pl.DataFrame:
    told, read = rule.told
    name = rule.field if rule.source == "line" else f"{rule.source}.{rule.field}"
    if name in levels.columns:
        stated = c(name).cast(pl.String).fill_null("")
        told, read = {**told, "value": stated}, read | {name}
    # Few lines, whose columns are cheaper side by side than each at its level.
    return levels.gather(sorted(read), rows).select(**told)
