"""Documents of every kind: valid by the official schema, read back whole, split into pieces."""

import csv
import re

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from manifest_samples import SHARED, schema_file
from message_values import FIELDS, READ, TRANSFER, WRITTEN, entities, transfer

from xborder.manifests import messages, receipt_reader

KINDS = [f"CEB{one}" for one in (*WRITTEN, *READ)]
# A document has up to eighty values: few of them, never made smaller.
QUICK = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


def told(frame: pl.DataFrame) -> list[dict[str, str]]:
    """Rows without what is not there."""
    return [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]


def lines_of(kind: str) -> str:
    """The element of a kind's lines; empty if it has none."""
    table = messages.fields(kind)
    (entity,) = (one.element for one in table if one.sources == ("heads",) and one.type == "each")
    return next((o.element for o in table if o.parent == entity and o.type == "each"), "")


def canonical(content: bytes, root_guid: str) -> bytes:
    """A message in its canonical form, under another root guid."""
    root = etree.fromstring(content)
    root.set("guid", root_guid)
    return etree.tostring(root, method="c14n")


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(data=st.data())
def test_every_kind_is_valid_and_read_back_whole(kind, data, conforms):
    full = data.draw(st.booleans()) or kind[3:] in READ
    heads, items = data.draw(entities(kind, full))
    told_too = [{"status": "ALL", "dxpAddress": "DXPENT0000000002"}] if kind[3:] in WRITTEN else []
    made = messages.document(
        kind, "n1", transfer(kind), heads, items, subscribers=told_too, per_message=2
    )
    read = []
    for message in made:
        conforms(message.content)
        (one,) = receipt_reader.read(message.content)
        assert (one.kind, one.guid, len(one.entities)) == (kind, message.guid, message.entities)
        assert not one.signed
        if transfer(kind):
            assert one.beside["BaseTransfer"] == [{**TRANSFER, "dxpMode": "DXP"}]
            assert one.beside["BaseSubscribe"] == [{**told_too[0], "dxpMode": "DXP"}]
        read += one.entities
    name = lines_of(kind)
    for at, (one, head) in enumerate(zip(read, told(heads), strict=True)):
        below = [] if items is None else told(items.filter(entity=at).drop("entity"))
        assert {k: v for k, v in one.items() if k != name} == head
        assert one.get(name, []) == below


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(data=st.data())
def test_what_was_read_is_written_back_to_an_equal_document(kind, data):
    heads, items = data.draw(entities(kind))
    (message,) = messages.document(kind, "n1", transfer(kind), heads, items)
    (one,) = receipt_reader.read(message.content)
    name = lines_of(kind)
    lines = [
        {**line, "entity": at} for at, e in enumerate(one.entities) for line in e.get(name, [])
    ]
    (again,) = messages.document(
        kind,
        "other number",
        one.beside["BaseTransfer"][0] if transfer(kind) else None,
        pl.DataFrame(
            [{k: v for k, v in e.items() if k != name} for e in one.entities],
            infer_schema_length=None,
        ),
        pl.DataFrame(lines, infer_schema_length=None) if lines else None,
    )
    assert again.guid != message.guid
    assert canonical(again.content, one.guid) == canonical(message.content, one.guid)


def as_a_guide_prints_it(kind: str, content: bytes) -> bytes:
    """A message on many lines, with all that may be absent there and empty."""
    root = etree.fromstring(content)
    table = messages.fields(kind)
    for node in list(root.iter()):
        parent = etree.QName(node).localname
        names = [one.element for one in table if one.parent == parent and one.type in ("C", "N")]
        for at, name in enumerate(names):
            if len(node) <= at or etree.QName(node[at]).localname != name:
                node.insert(at, etree.Element(f"{{{messages.NAMESPACE}}}{name}"))
    # Editions of GB18030 hold a few private and vertical characters at each other's places, and
    # libraries differ in the edition; here one and the same library writes and reads.
    text = etree.tostring(root, pretty_print=True, encoding="unicode")
    return f'<?xml version="1.0" encoding="GB18030"?>\n{text}'.encode("gb18030")


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(data=st.data())
def test_a_message_as_others_print_it_says_the_same(kind, data):
    heads, items = data.draw(entities(kind))
    (message,) = messages.document(kind, "n1", transfer(kind), heads, items)
    (plain,) = receipt_reader.read(message.content)
    (printed,) = receipt_reader.read(as_a_guide_prints_it(kind, message.content))

    def said(told):
        if isinstance(told, list):
            return [said(one) for one in told]
        if isinstance(told, dict):
            return {name: said(one) for name, one in told.items() if one is not None}
        return told

    assert said(printed.entities) == plain.entities
    assert {k: said(v) for k, v in printed.beside.items()} == plain.beside


def bill(lines: int, guid: str = "8F6D7A3C-2B41-5C1E-9B0A-0D3F5E7A9B1C", **changed: str):
    """A bill of lading (607) with so many lists."""
    head = {
        "guid": guid, "appTime": "20261122120000", "customsCode": "6041", "copNo": "XBW1",
        "agentCode": "4414960XXX", "agentName": "大埔瓷韵", "trafMode": "5", "trafName": "CZ301",
        "voyageNo": "CZ301", "billNo": "112-12345678", "grossWeight": "12.50",
        "logisticsCode": "4414980001", "logisticsName": "示例货运", "msgCount": "1", "msgSeqNo": "1",
    }  # fmt: skip
    items = pl.DataFrame({"logisticsNo": [f"XB{one:09d}CN" for one in range(lines)]})
    return pl.DataFrame([head | changed]), items.with_columns(entity=pl.lit(0))


def test_a_document_goes_in_pieces(conforms):
    one, first = bill(5)
    two, second = bill(2, "0A1B2C3D-2B41-5C1E-9B0A-0D3F5E7A9B1C", copNo="XBW2")
    heads = pl.concat([one, two])
    items = pl.concat([first, second.with_columns(entity=pl.lit(1))])
    items = items.sample(fraction=1, shuffle=True, seed=3)
    numbers = [items.filter(entity=at)["logisticsNo"].to_list() for at in (0, 1)]
    parts, lines = messages.pieces(heads, items, 2)
    made = messages.document("CEB607", "n1", TRANSFER, parts, lines, per_message=3)
    read = []
    for message in made:
        conforms(message.content)
        read += receipt_reader.read(message.content)[0].entities
    assert [len(each["WayBillList"]) for each in read] == [2, 2, 1, 2]
    assert [(e["copNo"], e["msgCount"], e["msgSeqNo"]) for e in read] == [
        ("XBW1", "3", "1"), ("XBW1", "3", "2"), ("XBW1", "3", "3"), ("XBW2", "1", "1"),
    ]  # fmt: skip
    assert [[line["gnum"] for line in e["WayBillList"]] for e in read] == [
        ["1", "2"], ["1", "2"], ["1"], ["1", "2"],
    ]  # fmt: skip
    written = [line["logisticsNo"] for e in read for line in e["WayBillList"]]
    assert written == numbers[0] + numbers[1]
    assert (read[0]["guid"], read[3]["guid"]) == (one["guid"][0], two["guid"][0])
    assert len({e["guid"] for e in read}) == 4
    assert all(re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", e["guid"]) for e in read)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 7), min_size=1, max_size=5),
    per_piece=st.integers(1, 4),
    chance=st.randoms(use_true_random=False),
)
def test_pieces_hold_every_line_once_and_in_order(counts, per_piece, chance):
    rows = [(at, f"{at}-{line}") for at, count in enumerate(counts) for line in range(count)]
    chance.shuffle(rows)
    items = pl.DataFrame(rows, schema={"entity": pl.Int64, "line": pl.String}, orient="row")
    guids = [messages.guid(str(at)) for at in range(len(counts))]
    heads = pl.DataFrame({"guid": guids, "copNo": [f"C{at}" for at in range(len(counts))]})
    parts, split = messages.pieces(heads, items, per_piece)
    for at, count in enumerate(counts):
        own = parts.with_row_index("piece").filter(copNo=f"C{at}")
        assert len(own) == max(1, -(-count // per_piece))
        assert own["msgSeqNo"].to_list() == list(range(1, len(own) + 1))
        assert set(own["msgCount"]) == {len(own)}
        lines = [split.filter(entity=piece)["line"].to_list() for piece in own["piece"]]
        assert [line for piece in lines for line in piece] == [n for of, n in rows if of == at]
        assert all(len(piece) <= per_piece for piece in lines)
    assert parts["guid"].n_unique() == len(parts)
    assert set(guids) <= set(parts["guid"])


def test_a_document_without_lines_is_one_piece():
    heads, items = bill(1)
    parts, lines = messages.pieces(heads, items.clear(), 2)
    assert (parts["msgCount"].to_list(), len(lines)) == ([1], 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"customsCode": "604"}, r"CEB607 WayBillHead\.customsCode of entity 2: 4 characters"),
        ({"billNo": " "}, r"WayBillHead\.billNo of entity 2: a value is required"),
        ({"grossWeight": "1,5"}, r"WayBillHead\.grossWeight of entity 2: no plain number"),
    ],
)
def test_what_may_not_be_written_is_refused_by_name(changed, said):
    heads = pl.concat([bill(1)[0], bill(1, **changed)[0]])
    items = pl.concat([bill(1)[1], bill(1)[1].with_columns(entity=pl.lit(1))])
    with pytest.raises(ValueError, match=said):
        messages.document("CEB607", "n1", TRANSFER, heads, items)


def test_lines_are_counted_and_need_a_head():
    heads, items = bill(2)
    with pytest.raises(ValueError, match=r"WayBillList of entity 1: 1\.\.99999 lines needed"):
        messages.document("CEB607", "n1", TRANSFER, heads)
    with pytest.raises(ValueError, match="lines of entity 2, and 1 entities"):
        messages.document("CEB607", "n1", TRANSFER, heads, items.with_columns(entity=pl.lit(1)))


def test_what_is_sent_is_declared_and_not_only_stored():
    """The XSD's own default of some kinds is 1: kept at the e-port, and declared to nobody."""
    for kind in WRITTEN:
        for one in messages.fields(f"CEB{kind}"):
            if one.element == "appStatus" and kind not in ("303", "603"):
                assert one.default == "2", kind


# The tables against what they come from.


@pytest.mark.parametrize("kind", [*WRITTEN, *READ, "900"])
def test_tables_hold_every_element_of_the_specification(kind):
    source = SHARED / "ceb" / "fields" / f"CEB{kind}.csv"
    if not source.is_file():
        pytest.skip("the specification's tables (../shared/ceb/fields) are not here")
    wanted = {}
    for row in csv.DictReader(source.read_text("utf-8-sig").splitlines()):
        name = row["element"]
        if name.startswith("@") or name in ("ds:Signature", "ExtendMessage"):
            continue
        if row.get("cn_name") != "（节点）" and not name.startswith("Base"):
            wanted[row["parent"], name] = row.get("required_effective") or row["required"]
    if kind == "900":
        # The XSD has a level that the specification leaves out.
        wanted = {("MessageReturn", name): need for (_, name), need in wanted.items()}
    have = {(o.parent, o.element): o for o in messages.fields(f"CEB{kind}") if o.type in ("C", "N")}
    assert have.keys() == wanted.keys()
    for at, one in have.items():
        assert one.required == (wanted[at] == "Y"), at


@pytest.mark.parametrize("kind", [*WRITTEN, *READ])
def test_tables_are_as_strict_as_the_schema(kind):
    """Each element's length and digits lie within what the XSD says, and in its order."""
    if (file := schema_file()) is None:
        pytest.skip("the official XSD (../shared/ceb/xsd-2022-05) is not here")
    ns = {"xs": "http://www.w3.org/2001/XMLSchema"}
    tree = etree.parse(file)
    table = messages.fields(f"CEB{kind}")
    for parent in {one.parent for one in table if one.type in ("C", "N")}:
        rows = [one for one in table if one.parent == parent]
        path = f"/xs:schema/xs:element[@name='{parent}']//xs:element[@name]"
        found = tree.xpath(path, namespaces=ns)
        order = [one.get("name") for one in found]
        assert [one.element for one in rows] == order
        for one, element in zip(rows, found, strict=True):
            facets = {
                etree.QName(each).localname: int(each.get("value"))
                for each in element.iter(
                    "{*}length",
                    "{*}minLength",
                    "{*}maxLength",
                    "{*}totalDigits",
                    "{*}fractionDigits",
                )
            }
            if one.type == "N":
                total, _, after = one.digits.partition(",")
                assert int(total) <= facets["totalDigits"], one
                assert int(after or 0) <= facets.get("fractionDigits", 0), one
                continue
            fewest, _, most = one.length.rpartition("..")
            least = int(most) if not fewest and ".." not in one.length else int(fewest or 1)
            assert int(most) <= facets.get("length", facets.get("maxLength", 0)), one
            assert least >= facets.get("length", facets.get("minLength", 0)), one
            if element.get("minOccurs", "1") == "1" and kind in WRITTEN:
                assert one.required, one


def test_every_table_is_of_a_kind_that_is_written_or_read():
    assert {p.stem for p in FIELDS.glob("CEB*.csv")} == {*KINDS, "CEB900"}
