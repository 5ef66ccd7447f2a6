"""Messages are valid, say what went in, and are the same bytes every time."""

import re
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from manifest_samples import (
    ITEM,
    NAMESPACE,
    TRANSFER,
    frame,
    group,
    head_rows,
    item_rows,
    manifest,
)

from xborder.manifests import messages

KINDS = ("CEB303", "CEB603")
NODES = {
    "CEB303": ("Order", "OrderHead", "OrderList"),
    "CEB603": ("Inventory", "InventoryHead", "InventoryList"),
}
NUMBER = "XB60412026112200001"


def render(kind, heads, items, per_message=100, transfer=TRANSFER):
    one = manifest(number=NUMBER, lists_per_message=per_message, transfer=transfer)
    (made,) = messages.render(kind, group([one], [len(heads)], heads, items))
    return made


def read(kind, message):
    """(head, lines) of each entity as dicts of element → text."""
    entity, head, line = (NAMESPACE + name for name in NODES[kind])
    root = etree.fromstring(message.content)
    assert root.tag == f"{NAMESPACE}{kind}Message"

    def texts(node):
        return {child.tag.removeprefix(NAMESPACE): child.text for child in node}

    return [
        (texts(one.find(head)), [texts(each) for each in one.findall(line)])
        for one in root.findall(entity)
    ]


def told(kind, node, row):
    """What a row must say in the message, by the field table, worked out cell by cell."""
    wanted = {}
    for one in messages.fields(kind):
        if one.parent == node:
            value = next((row[s] for s in one.sources if str(row.get(s) or "").strip()), None)
            value = value if value is not None else (one.default or None)
            if value is not None:
                wanted[one.element] = Decimal(str(value)) if one.type == "N" else str(value)
    return wanted


def heard(kind, node, texts):
    numbers = {one.element for one in messages.fields(kind) if one.type == "N"}
    return {name: Decimal(text) if name in numbers else text or "" for name, text in texts.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_valid_against_the_official_schema(kind, lists, official_schema):
    heads, items = lists(5, 3)
    for message in render(kind, heads, items, per_message=2):
        official_schema.assertValid(etree.fromstring(message.content))


@pytest.mark.parametrize("kind", KINDS)
def test_every_element_filled_is_valid_too(kind, conforms):
    full = {
        "preNo": "B20261122000000001", "invtNo": "604120261E00000001", "trafName": "CZ301",
        "iacCode": "4414960XXX", "iacName": "示例区内企业", "emsNo": "H60412600001",
        "voyageNo": "CZ301", "totalPackageNo": "BAG-1", "loctNo": "604101", "licenseNo": "26-AB-1",
        "note": "备注", "orderNote": "礼品",
    }  # fmt: skip
    lines = {
        "itemRecordNo": "R1", "barCode": "6901234567892", "qty2": "1.5", "unit2": "035",
        "note": "易碎", "itemDescribe": "手绘",
    }  # fmt: skip
    heads = head_rows(1, **full)
    (message,) = render(kind, frame(heads), frame(item_rows(heads, 100, **lines)))
    conforms(message.content)
    (head, goods) = read(kind, message)[0]
    table = messages.fields(kind)
    assert list(head) == [one.element for one in table if one.parent == NODES[kind][1]]
    assert list(goods[0]) == [one.element for one in table if one.parent == NODES[kind][2]]
    assert [line["gnum"] for line in goods] == [str(n) for n in range(1, 101)]


# Everything XML 1.0 can carry, and what tends to break writers more often than chance would.
NASTY = st.sampled_from(["&", "<", ">", '"', "'", "]]>", "&amp;", "\r", "\r\n", "\t", "<![CDATA["])
LETTERS = st.characters(
    exclude_categories=("Cs",),
    exclude_characters=[*map(chr, range(32)), "\ufffe", "\uffff"],
)
TEXT = st.lists(NASTY | LETTERS | st.sampled_from("瓷韵牌茶杯①㎏"), max_size=9).map("".join)
FILLED = TEXT.filter(lambda text: text.strip())
MONEY = st.decimals(min_value=0, max_value=Decimal("99999999999999.99999"), places=5).map(
    lambda number: format(number, "f")
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_read_back_equal_to_the_input(data, conforms):
    heads = [
        head
        | {
            "orderNo": data.draw(FILLED),
            "ebcName": data.draw(FILLED),
            "ownerName": data.draw(FILLED),
            "note": data.draw(st.none() | TEXT),
            "billNo": data.draw(st.none() | TEXT),
            "goodsValue": data.draw(MONEY),
            "grossWeight": data.draw(MONEY),
        }
        for head in head_rows(data.draw(st.integers(1, 4)))
    ]
    items = [
        item
        | {
            "itemName": data.draw(st.none() | TEXT),
            "gname": data.draw(FILLED),
            "gmodel": data.draw(FILLED),
            "note": data.draw(st.none() | TEXT),
            "qty": data.draw(MONEY),
            "totalPrice": data.draw(MONEY),
            "qty2": data.draw(st.none() | MONEY),
        }
        for head in heads
        for item in item_rows([head], data.draw(st.integers(1, 3)))
    ]
    shuffled = frame(data.draw(st.permutations(items)))
    for kind in KINDS:
        made = render(kind, frame(heads), shuffled, per_message=2)
        found = []
        for message in made:
            conforms(message.content)
            found += read(kind, message)
        assert len(found) == len(heads)
        for head, (head_texts, lines) in zip(heads, found, strict=True):
            _, head_node, line_node = NODES[kind]
            assert heard(kind, head_node, head_texts) == told(kind, head_node, head)
            mine = [item for item in items if item["list_id"] == head["list_id"]]
            assert [heard(kind, line_node, line) for line in lines] == [
                told(kind, line_node, item) for item in mine
            ]


def test_numbers_lose_only_trailing_zeros():
    heads = head_rows(1, goodsValue="100.5000", grossWeight="10.00", netWeight="100", packNo="10")
    head, _ = read("CEB603", render("CEB603", frame(heads), frame(item_rows(heads)))[0])[0]
    order, _ = read("CEB303", render("CEB303", frame(heads), frame(item_rows(heads)))[0])[0]
    assert (head["grossWeight"], head["netWeight"], head["packNo"]) == ("10", "100", "10")
    assert order["goodsValue"] == "100.5"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ebcName": "瓷\x0b韵"}, r"InventoryHead\.ebcName of list 1: a character that XML"),
        ({"ebcName": "瓷\ufffe韵"}, r"InventoryHead\.ebcName of list 1: a character that XML"),
        ({"note": "\x00"}, r"InventoryHead\.note of list 1: a character that XML"),
        ({"ebcName": None}, r"InventoryHead\.ebcName of list 1: a value is required"),
        ({"ebcName": ""}, r"InventoryHead\.ebcName of list 1: a value is required"),
        ({"ebcName": " \u3000"}, r"InventoryHead\.ebcName of list 1: a value is required"),
        ({"country": "US"}, r"InventoryHead\.country of list 1: 3 characters"),
        ({"country": "USAA"}, r"InventoryHead\.country of list 1: 3 characters"),
        ({"POD": "12"}, r"InventoryHead\.POD of list 1: 3\.\.4 characters"),
        ({"orderNo": "x" * 61}, r"InventoryHead\.orderNo of list 1: \.\.60 characters"),
        ({"grossWeight": "1e3"}, r"InventoryHead\.grossWeight of list 1: no plain number"),
        ({"grossWeight": "NaN"}, r"InventoryHead\.grossWeight of list 1: no plain number"),
        ({"grossWeight": "１"}, r"InventoryHead\.grossWeight of list 1: no plain number"),
        ({"grossWeight": "1.123456"}, r"InventoryHead\.grossWeight of list 1: no plain number"),
        ({"grossWeight": "123456789012345.12345"}, r"grossWeight of list 1: more than 19"),
        ({"packNo": "1.5"}, r"InventoryHead\.packNo of list 1: no plain number"),
        ({"packNo": "1\n"}, r"InventoryHead\.packNo of list 1: no plain number"),
    ],
)
def test_what_may_not_be_written_is_refused_by_name(changed, said):
    heads = head_rows(1, **changed)
    with pytest.raises(ValueError, match=said):
        render("CEB603", frame(heads), frame(item_rows(heads)))


def test_a_bad_goods_line_is_refused_by_name():
    heads = head_rows(3)
    items = item_rows(heads, 2)
    items[3]["gcode"] = "6911"
    with pytest.raises(ValueError, match=r"InventoryList\.gcode of list 2: 10 characters"):
        render("CEB603", frame(heads), frame(items))


@pytest.mark.parametrize("lines", [0, 101])
def test_a_list_has_1_to_100_lines(lines):
    heads = head_rows(2)
    items = frame([*item_rows(heads[:1]), *item_rows(heads[1:], lines)])
    with pytest.raises(ValueError, match=r"InventoryList of list 2: 1\.\.100 lines"):
        render("CEB603", frame(heads), items)


def test_at_most_100_entities_a_message(lists):
    heads, items = lists(201, 2)
    made = render("CEB603", heads, items)
    assert [(m.name, m.entities, m.lines) for m in made] == [
        ("CEB603_0001.xml", 100, 200),
        ("CEB603_0002.xml", 100, 200),
        ("CEB603_0003.xml", 1, 2),
    ]
    assert [len(read("CEB603", message)) for message in made] == [100, 100, 1]
    with pytest.raises(ValueError, match="1 to 100"):
        render("CEB603", heads, items, per_message=101)


def test_same_input_same_bytes_and_a_guid_for_each_message(lists):
    heads, items = lists(3, 2)
    once = render("CEB303", heads, items, per_message=1)
    again = render("CEB303", heads, items.sample(fraction=1, shuffle=True, seed=7), per_message=1)
    assert once == again
    guids = [m.guid for kind in KINDS for m in render(kind, heads, items, per_message=1)]
    assert len(set(guids)) == 6
    assert all(re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", one) for one in guids)
    assert all(f'guid="{m.guid}"'.encode() in m.content for m in once)


def test_sender_stands_in_the_transfer_block(lists):
    root = etree.fromstring(render("CEB603", *lists(1))[0].content)
    base = root.find(f"{NAMESPACE}BaseTransfer")
    assert [(one.tag.removeprefix(NAMESPACE), one.text) for one in base] == [
        ("copCode", TRANSFER["copCode"]),
        ("copName", TRANSFER["copName"]),
        ("dxpMode", "DXP"),
        ("dxpId", TRANSFER["dxpId"]),
    ]
    with pytest.raises(ValueError, match="dxpId"):
        render("CEB603", *lists(1), transfer={**TRANSFER, "dxpId": ""})


def test_order_of_the_lists_is_that_of_the_heads(lists):
    heads, items = lists(4)
    heads = heads.reverse()
    found = read("CEB603", render("CEB603", heads, items)[0])
    assert [head["orderNo"] for head, _ in found] == heads["orderNo"].to_list()


def test_unknown_message_kind():
    for kind in ("CEB999", "../x", "CEB603\n"):
        with pytest.raises(ValueError, match="no field table"):
            messages.fields(kind)


def test_a_message_table_of_a_flat_entity_needs_no_code(lists, monkeypatch):
    """CEB605 (cancellation) has fields right below its entity, and no goods lines."""
    table = (
        "CEB605Message,InvtCancel,heads,Y,each,1..100,,,,",
        "InvtCancel,guid,guid,Y,C,36,,,,",
        "InvtCancel,copNo,copNo,Y,C,..30,,,,",
        "InvtCancel,reason,reason,N,C,..1000,,,,",
        "CEB605Message,BaseTransfer,transfer,Y,node,,,,,",
        "BaseTransfer,dxpId,dxpId,Y,C,..30,,,,",
    )
    rows = [
        messages.Field(p, e, (s,), r == "Y", t, le, di, de, c)
        for p, e, s, r, t, le, di, de, c, _ in (line.split(",") for line in table)
    ]
    monkeypatch.setattr(messages, "fields", lambda kind: tuple(rows))
    heads, items = lists(1)
    (message,) = render("CEB605", heads, items.clear())
    entity = etree.fromstring(message.content).find(f"{NAMESPACE}InvtCancel")
    assert [child.text for child in entity] == [heads["guid"][0], heads["copNo"][0]]
    assert message.lines == 0


def test_item_constants_are_those_of_the_table():
    """Guards the fixtures: a goods line must name every source of both tables."""
    sources = {
        source
        for kind in KINDS
        for one in messages.fields(kind)
        if one.parent in {"OrderList", "InventoryList"}
        for source in one.sources
    }
    assert sources <= set(ITEM)
