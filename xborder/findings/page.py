"""The page of findings (问题目录): docs/findings.md, written from the catalogue."""

from xborder import findings

_HEAD = """\
# 问题目录 · Findings

What can be wrong, by stable code: {count} findings in three layers. This page is written from the catalogue
(`xborder/findings/*.toml`) by `xborder findings --markdown > docs/findings.md`; do not edit it. `xborder findings CODE`
shows one of them in the terminal, `xborder findings --json` all of them for scripts ([json.md](json.md)).

`{{name}}` in a text is filled in by each finding. The rule names the message element, the table or the rule of
[rules.md](rules.md) behind it.

| 级别 severity | 含义 means | |
|---|---|---|
| `fatal` | 文件无法使用，整份退回 | the file cannot be used and is refused as a whole |
| `error` | 暂存该订单（或该行资料），其余照常办理 | its order, or its row of a catalogue, is held; the rest goes on |
| `warning` | 不暂存，请核对 | nothing is held; look at it |
| `notice` | 仅供知悉 | nothing is held; good to know |
"""

_LAYERS = {
    "file": ("文件层", "File", "The file as a whole: its bytes, sheets, header row and columns."),
    "row": ("行层", "Row", "A row or cell as it was written, without other files."),
    "customs": ("海关层", "Customs", "An order against catalogue, shipments, profile and tables."),
}


def markdown() -> str:
    """The whole page: one table a layer, codes in order."""
    known = findings.catalogue()
    parts = [_HEAD.format(count=len(known))]
    for layer, (zh, en, about) in _LAYERS.items():
        rows = [_row(known[code]) for code in sorted(known) if known[code].layer == layer]
        head = "| 代码 code | 级别 severity | 说明 meaning | 怎么办 what to do | 依据 rule |"
        parts.append(
            "\n".join([f"\n## {zh} · {en}\n", f"{about}\n", head, "|---|---|---|---|---|", *rows])
            + "\n"
        )
    return "".join(parts)


def _row(entry: findings.Entry) -> str:
    meaning, fix = (
        "<br>".join(_cell(one) for one in both)
        for both in ((entry.zh, entry.en), (entry.fix_zh, entry.fix_en))
    )
    # The anchor makes docs/findings.md#CODE a link to this row.
    code = f'<a id="{entry.code}"></a>`{entry.code}`'
    return f"| {code} | `{entry.severity}` | {meaning} | {fix} | {_cell(entry.rule)} |"


def _cell(text: str) -> str:
    """A text that Markdown shows as it is within a table's cell."""
    text = " ".join(text.split())
    for mark in "\\|*_<`":
        text = text.replace(mark, f"\\{mark}")
    return text
