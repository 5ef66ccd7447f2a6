"""``xborder trace``: from any number to the whole chain, as a tree or as JSON."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from xborder import clock, findings
from xborder.cli import terminal
from xborder.cli.language import language
from xborder.cli.running import HomeOption, opened

MOST_LINES = 20
"""Lines, receipts or movements that one branch of the tree shows; ``--json`` tells all."""

MOST_ORDERS = 20
"""Orders that the tree shows; ``--json`` tells all."""

_KINDS = {
    "303": ("订单", "order"), "403": ("收款单", "payment"), "505": ("运单", "waybill"),
    "507": ("运抵单", "arrival"), "509": ("离境单", "departure"), "603": ("清单", "list"),
    "605": ("撤销单", "cancellation"), "607": ("总分单", "master waybill"),
    "701": ("汇总申请", "consolidation"), "213": ("退货单", "return"),
    "215": ("退货入库", "return arrival"),
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(trace)


def trace(
    key: Annotated[str, typer.Argument(help="订单号、货号、清单号、批次号、运单号…… any number")],
    exporter: Annotated[str | None, typer.Option(help="of this exporter only")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="documented JSON instead of a tree")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Follow a number both ways 双向追溯: file and cell, order, list, manifest, customs, warehouse.

    Any number: order, SKU, list (copNo, customs' number, GUID), manifest, waybill, bill, document
    (607, 605, 213, 701 …), declaration (entryId), movement or inbound id of a warehouse, upload
    (number or SHA-256).
    """
    from xborder.cli.traced import told

    place = opened(home)
    found = told(place, key, exporter)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2, default=str))
        return
    zh = terminal.language() == "zh"
    alone = [name for name in ("manifests", "uploads", "movements") if found[name]]
    if not found["orders"] and not alone:
        terminal.fail(
            f"没有查到这个号码：{key}" if zh else f"nothing bears this number: {key}",
            1,
        )
    for tree in trees(found, zh=zh):
        terminal.out.print(tree)


def trees(found: dict[str, Any], *, zh: bool) -> Iterable[Tree]:
    """The chains as trees for the terminal, one an order; then what else bears the number."""
    orders = found["orders"]
    for order in orders[:MOST_ORDERS]:
        yield _order(order, zh=zh)
    if len(orders) > MOST_ORDERS:
        more = f"{len(orders) - MOST_ORDERS}{'+' if found['more'] else ''}"
        yield Tree(
            _said(("还有", more, "个订单，见 --json") if zh else (more, "more orders: --json"))
        )
    if not orders:
        for row in found["manifests"]:
            yield Tree(_manifest(row, zh=zh))
        for row in found["uploads"]:
            yield Tree(_named("文件" if zh else "file", row["file_name"], row["exporter"],
                              _word("upload_state", row["state"]), row["code"]))  # fmt: skip
    if found["movements"]:
        tree = Tree(_named("海外仓变动" if zh else "warehouse movements", len(found["movements"])))
        _add(tree, [_movement(row) for row in found["movements"]], zh=zh)
        yield tree


def _order(order: dict[str, Any], *, zh: bool) -> Tree:
    tree = Tree(
        _named("订单" if zh else "order", order["order_no"], order["exporter"],
               f"{order['channel']}/{order['shop']}", _word("order_state", order["state"]),
               order["codes"])
    )  # fmt: skip
    for source in order["sources"]:
        branch = tree.add(
            _named("文件" if zh else "file", source["file_name"],
                   f"{'上传' if zh else 'upload'} {source['upload_id']}",
                   _word("entry_outcome", source["outcome"]))
        )  # fmt: skip
        _add(
            branch,
            [
                _said((one["sheet"], one["cell"] or one["row"], one["sku"]))
                for one in source["lines"]
            ],
            zh=zh,
        )
    for one in order["waybills"]:
        tree.add(_named("运单" if zh else "waybill", one["logistics_no"], one["logistics_code"],
                        one["export_date"]))  # fmt: skip
    for one in order["lists"]:
        _list(tree, one, zh=zh)
    return tree


def _list(tree: Tree, one: dict[str, Any], *, zh: bool) -> None:
    branch = tree.add(_named("清单" if zh else "list", one["cop_no"], _word("list_state", one["state"]),
                             f"v{one['version']}" if one["version"] > 1 else None))  # fmt: skip
    if one["manifest"]:
        branch.add(_manifest(one["manifest"], zh=zh))
    for filing in one["filings"]:
        name = _KINDS.get(filing["kind"], (filing["kind"],) * 2)[0 if zh else 1]
        sent = branch.add(
            _named(f"{filing['kind']} {name}", filing["customs_no"] or filing["key"],
                   filing["status"], _word("message_state", filing["message_state"]), _when(filing["sent_at"]))
        )  # fmt: skip
        _add(
            sent,
            [
                _named(("回执 " if zh else "receipt ") + row["kind"], row["status"],
                       _when(row["returned_at"]), row["info"], row["file_name"])
                for row in filing["receipts"]
            ],
            zh=zh,
        )  # fmt: skip
        for item in filing.get("items", ())[:MOST_LINES]:
            back = f"{'商品' if zh else 'goods'} {item['gnum']}"
            sent.add(_said((back, f"{'退回' if zh else 'back'} {item['qty']}")))
    for bill in one["bills"]:
        _bill(branch, bill, zh=zh)
    for row in one["applications"]:
        branch.add(
            _named("701 汇总申请" if zh else "701 consolidation", row["cop_no"], row["month"],
                   row["status"], row["sum_no"], _word("message_state", row["message_state"]))
        )  # fmt: skip
    for line in one["goods"][:MOST_LINES]:
        goods = branch.add(
            _named(f"{'商品' if zh else 'goods'} {line['gnum']}", line["sku"], line["gcode"],
                   line["gname"], f"{line['qty']} ({line['unit']})",
                   f"{line['totalPrice']} {line['currency']}")
        )  # fmt: skip
        for row in line["declared"]:
            at = ("项号" if zh else "line", row["gseqno"]) if row["gseqno"] else ()
            goods.add(
                _named("报关单" if zh else "declaration", row["entry_id"] or row["decl_seq_no"],
                       " ".join(map(str, at)), row["file_name"])
            )  # fmt: skip
        if fate := line.get("overseas"):
            _overseas(goods, fate, zh=zh)
    if len(one["goods"]) > MOST_LINES:
        branch.add(_more(len(one["goods"]) - MOST_LINES, zh=zh))


def _bill(branch: Tree, bill: dict[str, Any], *, zh: bool) -> None:
    of = branch.add(
        _named("提运单" if zh else "bill", bill["bill_no"], _word("bill_state", bill["state"]))
    )
    for one in bill["documents"]:
        name = _KINDS[one["kind"]][0 if zh else 1]
        last = one["answers"][-1]
        of.add(_named(f"{one['kind']} {name}", one["cop_no"], last["status"],
                      _when(last["status_at"])))  # fmt: skip


def _overseas(goods: Tree, fate: dict[str, Any], *, zh: bool) -> None:
    words = (
        ("申报", "已收", "在途", "已售", "其他去向", "在库")
        if zh
        else ("declared", "received", "in transit", "sold", "gone otherwise", "in stock")
    )
    names = ("declared", "received", "in_transit", "sold", "gone", "in_stock")
    said = [f"{word} {fate[name]}" for word, name in zip(words, names, strict=True)]
    branch = goods.add(
        _named("海外仓" if zh else "warehouse", fate["warehouse"], fate["inbound_id"], *said)
    )
    _add(branch, [_movement(row) for row in fate["movements"]], zh=zh)


def _movement(row: dict[str, Any]) -> Text:
    return _said((row["moved_at"], row["movement_type"], row["qty"], row["movement_id"]))


def _manifest(row: dict[str, Any], *, zh: bool) -> Text:
    return _named("批次" if zh else "manifest", row["number"],
                  _word("manifest_state", row["state"]), row["business_date"],
                  f"{row['lists']} {'票' if zh else 'lists'}")  # fmt: skip


def _word(group: str, word: str | None) -> str | None:
    return findings.named(group, word, language()) if word else word


def _when(at: str | None) -> str | None:
    """An instant of the registry in China's time, to the second."""
    if not at:
        return at
    return f"{datetime.fromisoformat(at).astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _add(branch: Tree, said: list[Text], *, zh: bool) -> None:
    for one in said[:MOST_LINES]:
        branch.add(one)
    if len(said) > MOST_LINES:
        branch.add(_more(len(said) - MOST_LINES, zh=zh))


def _more(number: int, *, zh: bool) -> Text:
    return Text(f"还有 {number} 行" if zh else f"{number} more", style="dim")


def _named(what: str, name: object, *said: object) -> Text:
    # Text, not markup: a value of a file must never be read as markup by the terminal.
    told = Text.assemble((what, "cyan"), " ", (str(name), "bold"))
    rest = _said(said)
    return Text.assemble(told, "  ", rest) if rest.plain else told


def _said(parts: Iterable[object]) -> Text:
    return Text(" · ".join(str(one) for one in parts if one not in (None, "")))
