"""Many manifests at once: what one says does not depend on its company, and memory is bounded."""

import random
import uuid
from itertools import chain
from pathlib import Path

import polars as pl
import pytest
from manifest_samples import (
    DAY,
    NOON,
    at_once,
    frame,
    group,
    head_rows,
    home,
    item_rows,
    manifest,
    opened,
)

from xborder.clock import fixed
from xborder.manifests import batches, content, cutoff, package, publishing, shelf
from xborder.registry import audit, lists
from xborder.registry.database import reading, transaction
from xborder.registry.store import Store


def issue(settings, **more):
    with fixed(NOON):
        engine, store = opened(settings)
        try:
            return cutoff.issue(engine, store, settings, DAY, **more)
        finally:
            engine.dispose()


def tree(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_manifest_says_the_same_in_any_company():
    """Each part makes columns look different as a whole: markup, blanks, long or odd numbers."""
    parts = [
        head_rows(3),
        head_rows(2, ebcName="A&B <C>", note="\t x", goodsValue="007.500", licenseNo=" "),
        head_rows(2, goodsValue="99999999999999.99999", freight="0.00", note="=1", POD="305"),
        head_rows(1, note="a_x0041_", orderNo="瓷" * 30, packNo="10"),
    ]
    for number, heads in enumerate(parts):
        for head in heads:
            head["list_id"] += 100 * number
    items = [item_rows(parts[0], 2), item_rows(parts[1], 1, qty="1.500", barCode=" "),
             item_rows(parts[2], 3, gname="a\r\n<b>"), item_rows(parts[3], 1, note="é")]  # fmt: skip
    kinds = ("lists", "declarations", "lists", "lists")
    manifests = [
        manifest(number=f"XB6041202611220000{at}", kind=kind, lists_per_message=1 + at % 2)
        for at, kind in enumerate(kinds)
    ]
    alone = [
        package.build(group([one], [len(heads)], frame(heads), frame(lines)))[0]
        for one, heads, lines in zip(manifests, parts, items, strict=True)
    ]
    together = group(
        manifests, [len(one) for one in parts], frame([*chain(*parts)]), frame([*chain(*items)])
    )
    assert package.build(together) == alone
    assert [package.build(together.alone(at))[0] for at in range(4)] == alone


def test_order_guids_are_uuid5():
    guids = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))).upper() for n in range(20)]
    assert content.order_guids(pl.Series(guids)).to_list() == [
        str(uuid.uuid5(uuid.UUID(one), "CEB303")).upper() for one in guids
    ]
    assert content.order_guids(pl.Series([], dtype=pl.String)).is_empty()


MIXED = [
    *head_rows(5),
    *[row | {"orderNo": f"#2{n}", "order_no": f"#2{n}", "portCode": "5301"}
      for n, row in enumerate(head_rows(3))],
    *[row | {"orderNo": f"#3{n}", "order_no": f"#3{n}", "exporter": "xingning-gongju"}
      for n, row in enumerate(head_rows(2))],
]  # fmt: skip


@pytest.mark.parametrize("page", [1, 3])
def test_small_pages_groups_and_caches_change_nothing(page, tmp_path, monkeypatch):
    whole = home(tmp_path / "whole", MIXED, lines=2, lists_per_manifest=2)
    told = issue(whole)
    assert len(told) == 6
    monkeypatch.setattr(cutoff, "PAGE", page)
    monkeypatch.setattr(publishing, "LINES", 1)
    monkeypatch.setattr(shelf, "_TOGETHER", 2)
    monkeypatch.setattr(content, "CACHE", 0)
    parts = home(tmp_path / "parts", MIXED, lines=2, lists_per_manifest=2)
    assert issue(parts) == told
    assert tree(parts.home / "manifests") == tree(whole.home / "manifests")


def test_batches_over_pages_keep_the_first_lists_names():
    heads = [row | {"ebcName": f"name {row['list_id']}"} for row in head_rows(7)]
    pages = [frame(heads[start : start + 2]) for start in range(0, 7, 2)]
    found = batches.group(pages, 3)
    assert [tuple(one.list_ids) for one in found] == [(1, 2, 3), (4, 5, 6), (7,)]
    assert [one.names["ebcName"] for one in found] == ["name 1", "name 4", "name 7"]


def test_content_at_hand_is_bounded_and_read_once(tmp_path, monkeypatch):
    settings = home(tmp_path, MIXED)
    engine, store = opened(settings)
    with reading(engine) as c:
        waiting = lists.pending(c)
    read = []
    plain = content.Checked._read
    monkeypatch.setattr(
        content.Checked, "_read", lambda *given: read.append(given[1:3]) or plain(*given)
    )
    checked = content.Checked(store)
    for _ in range(3):
        checked.of(waiting, "heads")
    assert sorted(read) == [(1, "heads"), (2, "heads")]
    monkeypatch.setattr(content, "CACHE", 1)
    checked.of(waiting, "items")
    assert len(checked._kept) == 1


def test_a_list_taken_meanwhile_is_looked_at_again(tmp_path, monkeypatch):
    settings = home(tmp_path, head_rows(3))
    engine, _ = opened(settings)
    plain, seen = cutoff._plan, []

    def disturbed(*given):
        found = plain(*given)
        if not seen:
            with transaction(engine) as c:
                c.exec_driver_sql("UPDATE lists SET state = 'void', live = false WHERE id = 2")
                audit.append(c, "orders checked", "check 9")
        seen.append(found)
        return found

    monkeypatch.setattr(cutoff, "_plan", disturbed)
    (one,) = issue(settings)
    assert (one.number, one.lists, len(seen)) == ("XB60412026112200001", 2, 2)


def test_lists_of_an_exporter_without_a_profile_wait(tmp_path):
    settings = home(tmp_path, MIXED)
    engine, _ = opened(settings)
    with reading(engine) as c:
        assert cutoff.waiting(c, {"dapu-ciyun"}) == {"xingning-gongju": 2}
        assert cutoff.waiting(c, {"dapu-ciyun", "xingning-gongju"}) == {}
    assert {one.exporter for one in issue(settings, exporters={"dapu-ciyun"})} == {"dapu-ciyun"}
    assert issue(settings, exporters={"dapu-ciyun"}) == []
    (late,) = issue(settings, exporters={"dapu-ciyun", "xingning-gongju"})
    assert (late.exporter, late.lists) == ("xingning-gongju", 2)


def test_a_manifest_that_cannot_be_written_keeps_no_other_back(tmp_path):
    bad = [row | {"orderNo": "#9", "order_no": "#9", "exporter": "xingning-gongju",
                  "ebcName": "瓷\x01韵"} for row in head_rows(1)]  # fmt: skip
    settings = home(tmp_path, [*head_rows(3), *bad])
    with pytest.raises(ValueError, match="ebcName of list 4"):
        issue(settings)
    engine, store = opened(settings)
    assert [str(one) for one in cutoff.verify(engine, store)] == [
        "XB60412026112200002: reserved, not published yet"
    ]


def test_verify_tells_how_far_it_is(tmp_path):
    settings = home(tmp_path, MIXED)
    issue(settings)
    told = []
    assert cutoff.verify(*opened(settings), progress=lambda *said: told.append(said)) == []
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_runs_that_begin_at_once_each_have_a_shelf(tmp_path):
    store, failed = Store(tmp_path.as_uri()), []

    def run():
        try:
            for _ in range(200):
                with shelf.aside(store) as own:
                    assert own.folder.is_dir()
        except OSError as error:
            failed.append(error)

    at_once(run)
    assert not failed
    assert not list((tmp_path / content.FOLDER).iterdir())


@pytest.mark.parametrize("seed", range(8))
def test_content_of_any_lists_is_what_a_join_gives(seed, monkeypatch):
    """Neighbours or not, of one check or of several in turns, some orders in no list."""
    draw = random.Random(seed)
    orders = {check: sorted(draw.sample(range(1, 60), 25)) for check in (3, 5, 8)}
    stored = {
        check: [(order, gnum, f"{check}-{order}-{gnum}") for order in own
                for gnum in range(1, draw.randint(2, 4))]
        for check, own in orders.items()
    }  # fmt: skip
    if seed % 2:
        draw.shuffle(stored[5])
    schema = {"order_id": pl.Int64, "gnum": pl.UInt16, "what": pl.String}
    tables = {one: pl.DataFrame(rows, schema, orient="row") for one, rows in stored.items()}
    monkeypatch.setattr(content.Checked, "_read", lambda _, check, *__: tables[check])
    wanted = [(check, order) for check, own in orders.items() for order in own]
    if seed < 6:
        wanted = sorted(draw.sample(wanted, 30)) if seed < 3 else draw.sample(wanted, 30)
    rows = [(100 + at, order, check) for at, (check, order) in enumerate(wanted)]
    listed = pl.DataFrame(rows, ["list_id", "order_id", "check_id"], orient="row")
    found, counts = content.Checked(None).counted(listed, "items")
    told = [
        (list_id, *row)
        for list_id, order, check in rows
        for row in sorted(stored[check]) if row[0] == order
    ]  # fmt: skip
    assert found.select("list_id", *schema).rows() == told
    assert counts.tolist() == [sum(one[0] == list_id for one in told) for list_id, *_ in rows]
    lost = listed.with_columns(order_id=pl.lit(61))
    with pytest.raises(content.ContentError, match="items of list 100"):
        content.Checked(None).of(lost, "items")
