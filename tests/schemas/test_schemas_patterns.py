"""Only patterns are let in that Rust and Python read alike; those then agree on any text."""

import jsonschema_rs
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xborder.schemas import library, patterns

REFUSED = [
    *(r"^\d+$", r"\w", r"a\s", r"\bA", r"\p{Han}", r"\Aa", r"a\Z", r"(a)\1", r"\0", r"\x41"),
    *("(?=a)", "(?!a)", "(?<=a)b", "(?i)a", "(?P<n>a)", "a++", "a*+", "a{,3}", "a{x", "a}", "]"),
    *("[a-c&&b]", "[a--b]", "[a~~b]", "[a||b]", "[[:alpha:]]", "[a[b]]", "[]a]", "[^]a]", "[]"),
    *(".", "a.b", r"[\d]", "[$]", r"\<a", "(a", "a)", "*a", "[b-a]", "a{2,1}", "[a", "\\"),
]


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_engines_read_differently_is_refused(pattern):
    with pytest.raises(ValueError, match=r"."):
        patterns.check(pattern)


OURS = sorted(
    {
        node["pattern"]
        for name, schema in library.packaged().schemas.items()
        for _, node in library.subschemas(schema, name)
        if "pattern" in node
    }
)
TAKEN = [
    *OURS,
    *(
        "^a$|b$",
        r"^\$[^\]\\]+\.?$",
        "^(?:ab|c)*?d{2,3}$",
        r"\\$",
        "[\\^\\-a]",
        "^$",
        "𠮷+$",
        "[^𠮀-𠮿]",
    ),
    *("^[一-龥]{2}$", "[+--]"[:3] + "]", r"\$$", "^(a|b)?$"),
]
LINE_ENDS = st.sampled_from(
    ["", "\n", "\r\n", "\u2028", "a\n", "$", "\\", "𠮷", "０", "٣", "e\u0301"]
)


@pytest.mark.parametrize("pattern", TAKEN)
def test_the_engines_agree_on_what_is_let_in(pattern):
    patterns.check(pattern)
    rust = jsonschema_rs.Draft202012Validator(
        {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
    )
    python = patterns.re.compile(patterns.for_python(pattern), patterns.re.ASCII)
    near = st.from_regex(python).filter(lambda one: len(one) < 2000)
    texts = st.lists(st.one_of(near, st.text(max_size=8), LINE_ENDS), min_size=20, max_size=40)

    @settings(max_examples=3, deadline=None, derandomize=True)
    @given(texts, LINE_ENDS)
    def agree(some, end):
        held = ["", "\n", *some, *(one + end for one in some)]
        columns = pl.Series(held, dtype=pl.String).str.contains(pattern).to_list()
        assert columns == [rust.is_valid(one) for one in held]
        assert columns == [python.search(one) is not None for one in held]

    agree()
    assert patterns.accepts_empty(pattern) == rust.is_valid("")
