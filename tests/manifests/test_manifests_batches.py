"""Which lists go out together."""

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_samples import frame, head_rows

from xborder.manifests import batches


def groups(heads, most=1000):
    return [(one.key, tuple(one.list_ids)) for one in batches.group([heads], most)]


def test_lists_with_the_same_key_go_together_in_order(lists):
    heads, _ = lists(5)
    (one,) = batches.group([heads.reverse()], 1000)
    assert tuple(one.list_ids) == (1, 2, 3, 4, 5)
    assert one.kind == "lists"
    assert one.key["customsCode"] == "6041" and one.key["portCode"] == "5349"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("exporter", "xingning"), ("agentCode", "4414960YYY"), ("customsCode", "6042"),
        ("portCode", "5301"), ("tradeMode", "9710"), ("trafMode", "2"), ("statisticsFlag", "A"),
        ("ieDate", "20261123"), ("route", "declaration"), ("ebcCode", "4414960YYY"),
        ("dxpId", "DXPENT0000000002"),
    ],
)  # fmt: skip
def test_another_value_of_any_key_is_another_batch(name, other):
    assert name in batches.KEY
    heads = frame([*head_rows(1), *[row | {"list_id": 2, name: other} for row in head_rows(1)]])
    assert sorted(ids for _, ids in groups(heads)) == [(1,), (2,)]


def test_every_key_is_tried_above():
    tried = test_another_value_of_any_key_is_another_batch.pytestmark[0].args[1]
    assert {name for name, _ in tried} == set(batches.KEY)


def test_a_manifest_holds_at_most_the_set_number(lists):
    heads, _ = lists(7)
    assert [ids for _, ids in groups(heads, 3)] == [(1, 2, 3), (4, 5, 6), (7,)]


def test_route_gives_the_kind():
    (one,) = batches.group([frame(head_rows(1, route="declaration"))], 10)
    assert one.kind == "declarations"


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["6041", "6042", None])), max_size=12
    ),
    most=st.integers(1, 5),
    seed=st.randoms(use_true_random=False),
)
def test_each_list_is_in_one_batch_whatever_the_order_of_rows(rows, most, seed):
    made = [
        head_rows(1)[0] | {"list_id": number, "exporter": exporter, "customsCode": office}
        for number, (exporter, office) in enumerate(rows)
    ]
    shuffled = list(made)
    seed.shuffle(shuffled)
    empty = frame(head_rows(1)).clear()
    once = groups(pl.concat([empty, frame(made)]) if made else empty, most)
    assert once == groups(pl.concat([empty, frame(shuffled)]) if made else empty, most)
    spread = list(itertools.chain.from_iterable(ids for _, ids in once))
    assert sorted(spread) == list(range(len(rows)))
    assert all(0 < len(ids) <= most for _, ids in once)
    for key, ids in once:
        assert {(made[i]["exporter"], made[i]["customsCode"] or "") for i in ids} == {
            (key["exporter"], key["customsCode"])
        }
