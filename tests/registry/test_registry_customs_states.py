"""How far a document is at customs: a function of the set of its receipts, and nothing else."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xborder.registry.customs_states import Answer, Rules
from xborder.schemas import tables

RULES = Rules(tables.packaged())
CODES = RULES.tables.codes("return_status")["code"].to_list()
ERRORS = RULES.tables.codes("customs_error").select("code", "effect").rows()

START = datetime.fromisoformat("2026-11-20T02:00:00+00:00")


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def answers(*told: tuple[int, str], kind: str = "604") -> list[Answer]:
    return [Answer(at(minute), kind, status) for minute, status in told]


def state(*told: tuple[int, str], document: str = "603") -> str:
    return RULES.standing(document, answers(*told)).state


HISTORIES = st.lists(
    st.builds(
        Answer,
        at=st.one_of(st.just(""), st.integers(0, 4).map(at)),
        kind=st.sampled_from(["604", "604", "604", "900"]),
        status=st.sampled_from([*CODES, "-301001", "-621004", "-301013", "-77", "77", "abc", ""]),
        info=st.sampled_from(["", "重复申报", "[-301014]旧报文", "毛重不符"]),
        pre_no=st.sampled_from(["", "B20261120000000001"]),
        customs_no=st.sampled_from(["", "604120261000000001", "604120261000000002"]),
    ),
    max_size=8,
)


@given(HISTORIES, st.randoms(), st.sampled_from(["603", "303", "605"]))
def test_order_and_repeats_change_nothing(history, random, document):
    again = [*history, *random.choices(history, k=3)] if history else []
    random.shuffle(again)
    assert RULES.standing(document, again) == RULES.standing(document, history)


@given(HISTORIES, HISTORIES)
def test_what_says_nothing_new_moves_nothing(history, more):
    silent = [one for one in more if not RULES.state("603", one)]
    with_them = RULES.standing("603", [*history, *silent])
    without = RULES.standing("603", history)
    assert (with_them.state, with_them.status, with_them.at) == (
        without.state, without.status, without.at,
    )  # fmt: skip


@given(HISTORIES, HISTORIES)
def test_a_state_goes_back_from_an_inspection_only(history, more):
    """The more is known up to a time, the further the state, unless an inspection ended."""
    last = max((one.at for one in history), default="")
    later = [one for one in more if one.at > last]
    before, after = (RULES.standing("603", some) for some in (history, [*history, *later]))
    ended = any(RULES.state("603", one) == "inspected" for one in [*history, *later])
    assert ended or RULES.ranks.get(after.state, 0) >= RULES.ranks.get(before.state, 0)


@given(HISTORIES, st.integers(0, 4), st.sampled_from(["603", "303", "605", "701"]))
def test_what_is_later_goes_on_from_where_a_document_stood(history, minute, document):
    """As the registry holds it: by its status, instant and numbers."""
    earlier = [one for one in history if one.at < at(minute)]
    later = [one for one in history if one.at >= at(minute)]
    stood = RULES.standing(document, earlier)
    stored = stood._replace(state=RULES.of_status(document, stood.status[:8]))
    assert RULES.standing(document, later, stored) == RULES.standing(document, history)


def test_other_tables_have_another_mark():
    assert Rules(tables.packaged()).mark == RULES.mark
    renamed = {"return_status": RULES.tables.codes("return_status")[1:]}

    class Other:
        def codes(self, name):
            return renamed.get(name, RULES.tables.codes(name))

    assert Rules(Other()).mark != RULES.mark


@given(HISTORIES)
def test_the_stored_status_tells_the_state(history):
    for document in ("603", "303"):
        stands = RULES.standing(document, history)
        assert RULES.of_status(document, stands.status) == stands.state


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], ""),
        ([(1, "1")], "stored"),
        ([(1, "2"), (2, "4")], "failed"),
        ([(1, "4"), (5, "3")], "delivered"),
        ([(1, "3"), (2, "120")], "received"),
        ([(2, "120"), (1, "3")], "received"),
        ([(1, "120"), (2, "4")], "received"),
        ([(1, "120"), (2, "300")], "manual"),
        ([(1, "120"), (2, "399")], "approved"),
        ([(3, "120"), (2, "399")], "approved"),
        ([(1, "399"), (2, "500")], "inspected"),
        ([(1, "500"), (2, "399")], "approved"),
        ([(1, "500"), (2, "300")], "manual"),
        ([(2, "500"), (1, "300")], "inspected"),
        ([(1, "399"), (2, "300")], "approved"),
        ([(1, "500"), (2, "100")], "refused"),
        ([(1, "120"), (2, "100")], "refused"),
        ([(1, "100"), (2, "120")], "refused"),
        ([(1, "399"), (2, "100")], "approved"),
        ([(1, "120"), (2, "-621001")], "refused"),
        ([(1, "120"), (2, "-12345")], "refused"),
        ([(1, "399"), (2, "800"), (3, "899")], "cleared"),
        ([(9, "120"), (8, "399"), (1, "899")], "cleared"),
        ([(1, "800"), (2, "500")], "released"),
        ([(1, "120"), (2, "777")], "received"),
        ([(1, "120"), (2, "700")], "received"),
        ([(1, "120"), (2, "-621004")], "received"),
        ([(1, "3"), (2, "-621017")], "delivered"),
        ([(1, "2"), (2, "-621017")], "failed"),
    ],
)
def test_lists(told, expected):
    assert state(*told) == expected


@pytest.mark.parametrize("code", ["120", "399"])
def test_either_code_accepts_what_is_no_list(code):
    assert state((1, "3"), (2, code), document="303") == "accepted"
    assert code in RULES.accepting() and "100" not in RULES.accepting()


def test_a_refusal_outdoes_the_entry_and_an_approval_the_refusal():
    """A cancellation that was entered (120) is not carried out when customs then refuses it."""
    assert state((1, "120"), (2, "100"), document="605") == "refused"
    assert state((1, "100"), (2, "399"), document="605") == "accepted"


def test_what_customs_has_already_is_no_refusal():
    received = Answer(at(1), "604", "120")
    for status, info in [
        ("-621004", ""),
        ("100", "[-621004]清单已申报"),
        ("100", "清单重复申报"),
        ("-1", "已存在"),
    ]:
        assert RULES.standing("603", [received, Answer(at(2), "604", status, info)]).status == "120"
    # A code that is known is believed, whatever words stand beside it.
    told = Answer(at(2), "604", "-621001", "毛重已存在差异")
    assert RULES.standing("603", [received, told]).state == "refused"


def test_a_format_refusal_is_not_the_exporters():
    told = [Answer(at(1), "900", "-999999", "cvc-type.3.1.3: line 4")]
    assert RULES.standing("603", told).state == "failed"
    sent_again = [*told, *answers((2, "120"))]
    assert RULES.standing("603", sent_again).state == "received"


def test_the_answer_to_a_consolidation_is_no_state():
    assert RULES.standing("701", [Answer(at(1), "792", "1")]).state == ""


def test_numbers_come_with_any_answer():
    told = [
        Answer(at(1), "604", "120", "", "B20261120000000001"),
        Answer(at(2), "604", "399", "", "", "604120261000000001"),
    ]
    stands = RULES.standing("603", reversed(told))
    assert (stands.pre_no, stands.customs_no) == ("B20261120000000001", "604120261000000001")
    assert (stands.status, stands.at) == ("399", at(2))


def test_every_state_has_words_and_every_status_a_known_state():
    for of_list, other in (
        RULES.tables.codes("return_status").select("list_state", "document_state").rows()
    ):
        assert {of_list, other} - {None} <= set(RULES.ranks)
    assert all(zh and en for zh, en in RULES.words.values())
    assert set(RULES.ranks) <= set(RULES.words)
    assert {effect for _, effect in ERRORS} == {"refused", "repeat", "again"}
    assert RULES.meaning("100", "[-621027]…") == RULES.meaning("-621027")
    assert RULES.meaning("399")[1] == "examined and approved"
    assert RULES.meaning("77") == ("", "")


def test_a_list_before_and_beside_customs():
    assert RULES.of_list(None, sent=False) == "unsent"
    assert RULES.of_list(None, sent=False, failed=True) == "failed"
    assert RULES.of_list(None, sent=True) == "sent"
    assert RULES.of_list("399", sent=True) == "approved"
    assert RULES.of_list("899", sent=True, cancelled=True) == "cancelled"
    assert RULES.of_list("899", sent=True, returned=True) == "returned"
    assert RULES.of_list("120", sent=True, document="303") == "accepted"


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({}, ""),
        ({"cleared": 3}, "cleared"),
        ({"cleared": 3, "received": 1}, "received"),
        ({"cleared": 3, "unsent": 1, "refused": 0}, "unsent"),
        ({"cleared": 3, "refused": 1}, "refused"),
        ({"failed": 1, "refused": 1}, "failed"),
        ({"cancelled": 1, "released": 2}, "released"),
        ({"cancelled": 1, "returned": 1}, "returned"),
    ],
)
def test_a_manifest_in_one_word(counts, word):
    assert RULES.of_manifest(counts) == word
