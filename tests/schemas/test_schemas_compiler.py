"""The filter passes no bad row, and what is found is what the row-by-row validators find."""

import polars as pl
import pytest
import schemas_mutations as mutations
from schemas_rows import GOOD

from xborder import schemas
from xborder.schemas import compiler, library, numbers, tables, truth, validation
from xborder.schemas.levels import Levels
from xborder.schemas.slow_checker import SlowChecker

QUICK, SLOW = 900, 20_000
"""Rows a schema: at most half of them nasty values in each column, the others drawn."""


def mutated(name: str, rows: int, seed: int) -> pl.DataFrame:
    systematic = list(mutations.each_value_in_each_column(name))
    chosen = systematic[:: len(systematic) * 2 // rows + 1]
    drawn = mutations.drawn(name, rows - len(chosen), seed)
    return pl.concat([drawn, mutations.table(name, chosen)])


def compiled(name: str) -> compiler.Filter:
    present = frozenset(schemas.columns(name))
    return compiler.compile_filter(library.packaged(), name, tables.packaged(), present)


def assert_nothing_is_lost(name: str, frame: pl.DataFrame) -> None:
    right = mutations.row_by_row(name, frame)
    assert mutations.passed_though_bad(compiled(name), frame, right) == set()
    found = schemas.violations(name, frame)
    assert set(found.select("row", "field", "keyword").iter_rows()) == set(
        right.select("row", "field", "keyword").iter_rows()
    )
    assert found.equals(right)
    assert right.get_column("row").n_unique() > frame.height / 4
    assert right.get_column("row").n_unique() < frame.height


def assert_jsonschema_says_the_same(name: str, frame: pl.DataFrame) -> None:
    slow = SlowChecker(library.packaged(), name, tables.packaged())
    assert mutations.row_by_row(name, frame, slow).equals(schemas.violations(name, frame))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_nothing_is_lost_quickly(name):
    frame = mutated(name, QUICK, 1)
    assert frame.height * len(GOOD) > 5_000
    assert_nothing_is_lost(name, frame)
    assert_jsonschema_says_the_same(name, frame.gather_every(30))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(GOOD))
def test_nothing_is_lost_in_a_hundred_thousand_rows(name):
    frame = mutated(name, SLOW, 2)
    assert frame.height * len(GOOD) > 100_000
    assert_nothing_is_lost(name, frame)
    assert_jsonschema_says_the_same(name, frame.gather_every(150))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_values_that_repeat_are_stopped_wherever_they_stand(name, monkeypatch):
    frame = pl.concat([mutated(name, 300, 3)] * 30)
    judged = pl.Series([row % 3 > 0 for row in range(frame.height)])

    def stopped() -> list[tuple[str, list[int]]]:
        found = compiled(name).stopped(Levels(frame), judged)
        return [(part.place, rows.to_list()) for part, rows in found]

    by_value = stopped()
    assert any(Levels(frame).repeated(column) is not None for column in frame.columns)
    monkeypatch.setattr(Levels, "repeated", lambda *_: None)
    assert by_value == stopped()


@pytest.mark.parametrize("name", sorted(GOOD))
def test_no_keyword_of_our_tables_is_deferred(name):
    assert compiled(name).deferred == ()


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_rows_are_passed(name):
    assert list(compiled(name).stopped(Levels(mutations.table(name, mutations.BASES[name])))) == []


def test_a_column_that_is_not_there_is_absent_in_every_row():
    frame = pl.DataFrame({"sku": ["A", "B"], "other": ["x", "y"]})
    right = mutations.row_by_row("goods", frame.select("sku"))
    assert schemas.violations("goods", frame).equals(right)
    assert schemas.violations("goods", frame.clear()).is_empty()
    nulls = pl.DataFrame({"sku": [None, None]})
    assert schemas.violations("goods", nulls)["row"].n_unique() == 2


def rules(node, resolver, field=None):
    """(field, keyword, identity of the subschema) of all that can be reported, conditions apart."""
    if "$ref" in node:
        found = resolver.lookup(node["$ref"])
        yield from rules(found.contents, found.resolver, field)
    for column, inner in node.get("properties", {}).items():
        yield from rules(inner, resolver, column)
    for name in node.get("required", ()):
        yield name, "required", id(node)
    for wanted in node.get("dependentRequired", {}).values():
        yield from ((name, "dependentRequired", id(node)) for name in wanted)
    branches = [node[keyword] for keyword in ("then", "else") if keyword in node]
    for branch in (*branches, *node.get("allOf", ())):
        yield from rules(branch, resolver, field)
    for keyword in validation._CODES:
        if field is not None and keyword in node and (keyword, node[keyword]) != TEXT:
            yield field, keyword, id(node)


TEXT = ("type", "string")
"""Cannot fail: every cell is text."""

IMPLIED = [
    ("electroacoustics", "hs_code", "pattern"),
    ("industrial", "hs_code", "pattern"),
]
"""Rules that repeat the condition under which they hold, so that no row can fail them."""


@pytest.mark.parametrize("name", sorted(GOOD))
def test_every_rule_of_the_schema_is_broken_by_a_mutation(name):
    lib = library.packaged()
    wanted = set(rules(lib.schema(name), lib.resolver(name)))
    implied = set()
    for family, field, keyword in IMPLIED:
        node = lib.schema(family)["properties"][field]
        heading = lib.schema(family)["$defs"]["heading"]["properties"][field]
        assert node[keyword] == heading[keyword]
        implied.add((field, keyword, id(node)))
    check = validation.checker(name, tables.packaged())
    hit = {
        (failure.path[0], failure.keyword, id(failure.node))
        for row in mutations.each_value_in_each_column(name)
        for failure in check.failures(mutations.instance(name, row))
    }
    assert len(wanted) > 15
    assert wanted - hit - implied == set()
    assert not hit & implied


def dropped(keyword):
    def broken(monkeypatch):
        right = compiler._text
        monkeypatch.setattr(
            compiler,
            "_text",
            lambda one, *rest: truth.ALWAYS if one == keyword else right(one, *rest),
        )

    return broken


def patched(module, name, made):
    return lambda monkeypatch: monkeypatch.setattr(module, name, made)


BROKEN = {
    "a number as an engine's cast takes it": patched(
        numbers, "certain", lambda *_: r"^[+-]?[0-9]*\.?[0-9]*$"
    ),
    "zero is above zero": patched(numbers, "certain", lambda *_: r"^[0-9]{1,14}(?:\.[0-9]{1,5})?$"),
    "nothing is absent": patched(compiler, "_absent", lambda *_: False),
    "not is passed over": patched(truth, "unless", lambda one: one),
    "else is passed over": patched(
        truth, "conditional", lambda given, then, _: truth.conditional_of(given, then)
    ),
    "one code more": patched(
        compiler,
        "_outside",
        lambda cell, members: ~cell.is_in(pl.Series([*members, "CN", "142", "usd"]).implode()),
    ),
    **{f"{one} is dropped": dropped(one) for one in ("maxLength", "pattern", "x-table", "enum")},
}


@pytest.fixture(scope="module")
def judged():
    """Mutated rows and what the oracle finds in them."""
    names = ("order_line", "warehouse_movement", "goods")
    frames = {name: mutated(name, QUICK, 3) for name in names}
    return {name: (frame, mutations.row_by_row(name, frame)) for name, frame in frames.items()}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_compiler_is_caught(fault, judged, monkeypatch):
    monkeypatch.setattr(
        truth,
        "conditional_of",
        lambda given, then: truth.Bounds(truth.all_of((given.holds, then.fails)), True),
        raising=False,
    )
    BROKEN[fault](monkeypatch)
    assert any(
        mutations.passed_though_bad(compiled(name), frame, right)
        for name, (frame, right) in judged.items()
    )


@pytest.mark.parametrize("name", ["order_line", "warehouse_movement"])
def test_each_part_finds_what_no_other_finds(name, monkeypatch):
    frame = mutations.table(name, list(mutations.each_value_in_each_column(name)))
    right = schemas.violations(name, frame)
    whole = compiled(name)
    assert len(whole.parts) > 15
    for place in range(len(whole.parts)):
        fewer = compiler.Filter(whole.parts[:place] + whole.parts[place + 1 :], ())
        monkeypatch.setattr(validation, "row_filter", lambda *_, fewer=fewer: fewer)
        assert not schemas.violations(name, frame).equals(right), whole.parts[place][0].place
