"""From checked lines to the content of clearance lists (清单): heads and goods items.

Columns are named by the elements of CEB603 and CEB303; values are already customs' codes and
plain decimals. What is drawn at issue (guid, copNo, appType, appTime, appStatus) is absent.
``HEAD_ORIGIN`` and ``ITEM_ORIGIN`` say for each element which source cell it came from, so
that a violation of the list's schema is reported where it can be mended.
"""

import polars as pl

from xborder.checks.amounts import plain
from xborder.checks.joined import ORDER, Joined
from xborder.schemas.levels import Levels

HEAD_ORIGIN: dict[str, tuple[str, str]] = {
    "customsCode": ("profile", "customs_code"),
    "ebpCode": ("profile", "platform_code"),
    "ebpName": ("profile", "platform_name"),
    "orderNo": ("line", "order_no"),
    "logisticsCode": ("shipment", "logistics_code"),
    "logisticsName": ("shipment", "logistics_name"),
    "logisticsNo": ("shipment", "logistics_no"),
    "portCode": ("profile", "port_code"),
    "ieDate": ("shipment", "export_date"),
    "statisticsFlag": ("profile", "statistics_flag"),
    "agentCode": ("profile", "agent_code"),
    "agentName": ("profile", "agent_name"),
    "ebcCode": ("profile", "code"),
    "ebcName": ("profile", "name"),
    "ownerCode": ("profile", "producer_code"),
    "ownerName": ("profile", "producer_name"),
    "tradeMode": ("profile", "mode"),
    "trafMode": ("shipment", "transport_mode"),
    "trafName": ("shipment", "transport_name"),
    "voyageNo": ("shipment", "voyage_no"),
    "billNo": ("shipment", "bill_no"),
    "totalPackageNo": ("shipment", "package_no"),
    "loctNo": ("profile", "loct_no"),
    "licenseNo": ("shipment", "licence_no"),
    "country": ("line", "country"),
    "POD": ("shipment", "destination_port"),
    "freight": ("shipment", "freight"),
    "fCurrency": ("shipment", "freight_currency"),
    "insuredFee": ("shipment", "insurance"),
    "iCurrency": ("shipment", "insurance_currency"),
    "wrapType": ("shipment", "wrap_type"),
    "packNo": ("shipment", "pieces"),
    "grossWeight": ("shipment", "gross_weight"),
    "netWeight": ("goods", "net_weight"),
    "orderType": ("line", "order_type"),
    "goodsValue": ("line", "line_total"),
    "orderFreight": ("line", "freight"),
    "orderCurrency": ("line", "currency"),
    "note": ("shipment", "note"),
}

ITEM_ORIGIN: dict[str, tuple[str, str]] = {
    "itemNo": ("line", "sku"),
    "itemRecordNo": ("goods", "item_record_no"),
    "itemName": ("goods", "item_name"),
    "gcode": ("goods", "hs_code"),
    "gname": ("goods", "gname"),
    "gmodel": ("goods", "gmodel"),
    "barCode": ("goods", "barcode"),
    "country": ("line", "country"),
    "currency": ("line", "currency"),
    "qty": ("line", "qty"),
    "qty1": ("goods", "qty1_per_unit"),
    "qty2": ("goods", "qty2_per_unit"),
    "unit": ("goods", "unit"),
    "unit1": ("goods", "unit1"),
    "unit2": ("goods", "unit2"),
    "price": ("line", "unit_price"),
    "totalPrice": ("line", "line_total"),
    "note": ("line", "note"),
    "itemDescribe": ("line", "goods_name"),
}

SUMS = ("netWeight", "goodsValue")
"""Head elements that are sums over the order's lines."""

NO_BARCODE = "无"
"""CEB603 barCode is mandatory: goods without a bar code say so."""


def _c(name: str) -> pl.Expr:
    return pl.col(name)


def heads(joined: Joined) -> Levels:
    """One row an order: CEB603 head elements, the order's own (CEB303), and xborder's columns.

    Weights are kg, amounts plain decimals in their currency, ``value_cny`` is CNY.
    """
    return joined.by_order.project(HEADS)


def items(joined: Joined) -> Levels:
    """One row a goods line, in the order's own sequence; ``gnum`` (UInt16) counts from 1."""
    return joined.by_line.project(ITEMS)


def _named(*columns: str | pl.Expr) -> dict[str, pl.Expr]:
    exprs = (_c(one) if isinstance(one, str) else one for one in columns)
    return {one.meta.output_name(): one for one in exprs}


HEADS = _named(
    _c("profile.exporter").alias("exporter"),
    _c("profile.channel").alias("channel"),
    *ORDER,
    "route",
    _c("profile.customs_code").alias("customsCode"),
    _c("profile.platform_code").alias("ebpCode"),
    pl.when(_c("profile.mode") == "9810")
    .then(pl.coalesce("head.warehouse", "profile.platform_name"))
    .otherwise(_c("profile.platform_name"))
    .alias("ebpName"),
    pl.concat_str(_c("profile.order_prefix").fill_null(""), _c("order_no")).alias("orderNo"),
    _c("shipment.logistics_code").alias("logisticsCode"),
    _c("shipment.logistics_name").alias("logisticsName"),
    _c("shipment.logistics_no").alias("logisticsNo"),
    pl.lit("E").alias("ieFlag"),
    _c("profile.port_code").alias("portCode"),
    _c("shipment.export_date").str.replace_all("-", "", literal=True).alias("ieDate"),
    _c("profile.statistics_flag").alias("statisticsFlag"),
    _c("profile.agent_code").alias("agentCode"),
    _c("profile.agent_name").alias("agentName"),
    _c("profile.code").alias("ebcCode"),
    _c("profile.name").alias("ebcName"),
    pl.coalesce("goods.producer_code", "profile.producer_code").alias("ownerCode"),
    pl.coalesce("goods.producer_name", "profile.producer_name").alias("ownerName"),
    *(pl.lit(None, pl.String).alias(name) for name in ("iacCode", "iacName", "emsNo")),
    _c("profile.mode").alias("tradeMode"),
    _c("shipment.transport_mode").alias("trafMode"),
    _c("shipment.transport_name").alias("trafName"),
    _c("shipment.voyage_no").alias("voyageNo"),
    _c("shipment.bill_no").alias("billNo"),
    _c("shipment.package_no").alias("totalPackageNo"),
    _c("profile.loct_no").alias("loctNo"),
    pl.coalesce("shipment.licence_no", "order.licence_no").alias("licenseNo"),
    pl.coalesce("customs.arrival", "customs.country").alias("country"),
    _c("shipment.destination_port").alias("POD"),
    _c("shipment.freight").fill_null("0").alias("freight"),
    pl.coalesce("customs.freight_currency", "customs.currency").alias("fCurrency"),
    pl.lit("3").alias("fFlag"),
    _c("shipment.insurance").fill_null("0").alias("insuredFee"),
    pl.coalesce("customs.insurance_currency", "customs.currency").alias("iCurrency"),
    pl.lit("3").alias("iFlag"),
    _c("shipment.wrap_type").alias("wrapType"),
    _c("shipment.pieces").alias("packNo"),
    _c("shipment.gross_weight").alias("grossWeight"),
    plain(_c("d.net")).alias("netWeight"),
    _c("shipment.note").alias("note"),
    _c("order_type_of_mode").alias("orderType"),
    plain(_c("d.goods_value")).alias("goodsValue"),
    plain(_c("d.freight")).alias("orderFreight"),
    _c("customs.currency").alias("orderCurrency"),
    plain(_c("value_cny")).alias("value_cny"),
    _c("profile.dxp_id").alias("dxpId"),
    _c("head.warehouse").alias("warehouse"),
    pl.coalesce("head.inbound_id", "order_no").alias("inbound_id"),
)


ITEMS = _named(
    _c("profile.exporter").alias("exporter"),
    _c("profile.channel").alias("channel"),
    *ORDER,
    # An order of more lines than the type counts is held; its check must not end the others'.
    (_c("place_in_order") + 1).clip(upper_bound=65_535).cast(pl.UInt16).alias("gnum"),
    _c("sku").alias("itemNo"),
    _c("goods.item_record_no").alias("itemRecordNo"),
    _c("goods.item_name").alias("itemName"),
    _c("declared.hs_code").alias("gcode"),
    _c("goods.gname").alias("gname"),
    _c("goods.gmodel").alias("gmodel"),
    pl.coalesce("barcode", "goods.barcode").fill_null(NO_BARCODE).alias("barCode"),
    _c("customs.country").alias("country"),
    _c("customs.currency").alias("currency"),
    _c("plain.qty").alias("qty"),
    plain(_c("d.qty1")).alias("qty1"),
    pl.when(_c("goods.unit2").is_not_null()).then(plain(_c("d.qty2"))).alias("qty2"),
    _c("declared.unit").alias("unit"),
    _c("goods.unit1").alias("unit1"),
    _c("goods.unit2").alias("unit2"),
    _c("plain.price").alias("price"),
    _c("plain.total").alias("totalPrice"),
    _c("note"),
    pl.coalesce("goods_name", "goods.item_name").alias("itemDescribe"),
    _c("goods.origin_country").alias("origin_country"),
    "sku",
    "upload_id",
    "sheet",
    "row",
)
