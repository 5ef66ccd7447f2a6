"""What lies beside the packages is looked at too: bills of lading, cancellations, summaries."""

import polars as pl
import pytest
from manifest_samples import head_rows, home, opened, schema_file
from message_values import TRANSFER

from xborder.manifests import conformance, messages, verification
from xborder.manifests.package import digest
from xborder.registry import messages as rows
from xborder.registry.database import transaction


def arrival(seq: int) -> messages.Message:
    """A 507 without lines."""
    head = {
        "guid": messages.guid("arrival", str(seq)), "appTime": "20261122120000", "copNo": f"A{seq}",
        "customsCode": "6041", "operatorCode": "4414980009", "operatorName": "场所", "trafMode": "5",
        "domesticTrafNo": "粤M12345", "logisticsCode": "4414980001", "logisticsName": "货运",
        "msgCount": "1", "msgSeqNo": "1",
    }  # fmt: skip
    (made,) = messages.document("CEB507", f"A{seq}", TRANSFER, pl.DataFrame([head]))
    return made


@pytest.fixture
def stored(tmp_path):
    """A home with two messages beside its packages; and these."""
    engine, store = opened(home(tmp_path, head_rows(1)))
    made = [arrival(1), arrival(2)]
    new = []
    for one in made:
        path = ("messages", "2026-11-22", f"{one.guid}.xml")
        store.write_bytes(path, one.content)
        new.append(rows.NewMessage(one.guid, "507", "/".join(path), digest(one.content), 1))
    with transaction(engine) as c:
        rows.queue(c, "dapu-ciyun", new)
    yield engine, store, new
    engine.dispose()


def test_what_was_queued_is_what_lies_there(stored):
    engine, store, _ = stored
    assert verification.verify(engine, store) == []


def test_a_changed_and_a_missing_message_are_named(stored):
    engine, store, (one, two) = stored
    store.path(*one.path.split("/")).unlink()
    store.write_bytes(two.path.split("/"), b"<other/>")
    assert [str(problem) for problem in verification.verify(engine, store)] == [
        f"CEB507 {one.guid}: {one.path}: is missing",
        f"CEB507 {two.guid}: {two.path}: sha256 is not {two.sha256}",
    ]


def test_they_conform_to_the_official_schema(stored):
    if (xsd := schema_file()) is None:
        pytest.skip("the official XSD (../shared/ceb/xsd-2022-05) is not here")
    engine, store, (one, _) = stored
    assert list(conformance.conform(engine, store, xsd)) == []
    broken = arrival(1).content.replace(b"<ceb:copNo>A1</ceb:copNo>", b"")
    store.write_bytes(one.path.split("/"), broken)
    (problem,) = conformance.conform(engine, store, xsd)
    assert str(problem).startswith(f"CEB507 {one.guid}: {one.path}: line ")
    assert "copNo" in problem.what
