"""docs/findings.md is the catalogue, and the command that writes it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from xborder import findings
from xborder.cli import app
from xborder.findings import page

DOCS = Path(__file__).parents[2] / "docs"


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["findings", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_the_page_is_the_catalogue() -> None:
    written = (DOCS / "findings.md").read_text("utf-8")
    assert written == page.markdown(), (
        "docs/findings.md is behind the catalogue; run: "
        ".venv/bin/xborder findings --markdown > docs/findings.md"
    )


def test_the_command_writes_the_page() -> None:
    assert run("--markdown") == page.markdown()


def test_each_finding_stands_once_in_its_layer_with_all_its_texts() -> None:
    _, *layers = page.markdown().split("\n## ")
    assert len(layers) == 3
    for entry in findings.catalogue().values():
        rows = [row for one in layers for row in one.splitlines() if f"`{entry.code}`" in row]
        (row,) = [row for row in rows if row.startswith(f'| <a id="{entry.code}"')]
        assert any(row in one and one.lower().find(entry.layer) < 12 for one in layers)
        # Five cells: a bar within a text would make more.
        assert row.replace("\\|", "").count("|") == 6
        plain = row.replace("\\", "")
        for text in (entry.severity, entry.zh, entry.en, entry.fix_zh, entry.fix_en, entry.rule):
            assert text in plain


@pytest.mark.parametrize("code", ["code_unknown", "Code_Unknown", "CODE_UNKNOWN"])
def test_a_code_is_found_in_any_case(code: str) -> None:
    assert findings.catalogue()["CODE_UNKNOWN"].code in run(code, "--json")


def test_an_unknown_code_is_said() -> None:
    assert "no such finding" in run("no_such", code=2)


@pytest.mark.parametrize("text", ["../README.md", "../README.zh.md", "rules.md", "json.md"])
def test_the_page_is_linked(text: str) -> None:
    assert "findings.md" in (DOCS / text).read_text("utf-8")


def test_a_sentence_has_what_is_expected_in_its_own_language() -> None:
    def told(code: str, expected: str) -> dict[str, object]:
        found = findings.Finding(code, column="POD", value="USA", expected=expected)
        return findings.explain(findings.to_frame([found]).row(0, named=True))

    port = told("FORMAT_WRONG", "3–4 位数字 | 3–4 digits")
    assert port["message_en"] == "USA in “POD” is not written as 3–4 digits"
    assert str(port["message_zh"]).endswith("应为 3–4 位数字")
    assert (port["fix_zh"], port["fix_en"]) == (
        "按 3–4 位数字 的格式填写",
        "write it as 3–4 digits",
    )
    assert port["expected"] == "3–4 位数字 | 3–4 digits"
    # A declared text with a bar of its own is told whole.
    declared = told("CHANGED_AFTER_ISSUE", "瓷碗 | bowl")
    assert str(declared["message_en"]).endswith("declared 瓷碗 | bowl")
