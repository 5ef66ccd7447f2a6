"""An exporter's own layouts as TOML (列对应): written from a proposal, checked before they count.

The text is a layout in the format of ``layouts/``, with what a mapping may say and no more. One
with a ``base`` only adds headers to that layout.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xborder.findings import Both
from xborder.intake import layouts
from xborder.intake.headers import normal
from xborder.intake.layouts import KINDS, MAPPED, VERSION, Layout, fields, template
from xborder.intake.postal import FIELDS as POSTAL_FIELDS
from xborder.intake.proposals import Proposal, postal_heads

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
SHARE = 0.6
"""So many of the headers must be there for a sheet to be the one that was mapped."""
MOST_CHARACTERS = 24_000
LEAVE_OUT = "-"
KNOWN = "known"
"""Why a column of a proposal is there: the layout that was recognised has it."""

PARTS = {
    "layout", "base", "channel", "kind", "title_zh", "title_en", "share", "needed", "lacks",
    "number", "date_order", "twelve_hours", "zone", "order_fields", "fill_order_no",
    "sum_over_order", "positive", "footers", "may_be_empty", "known_headers", "defaults", "values",
    "fallback", "unless", "net", "scale", "empty", "signs", "sign_of", "exclude", "warn", "column",
    "partner", "partner_zh", "partner_en", "postal",
}  # fmt: skip
"""Keys that a mapping may have: those of a layout that hold no pattern and refuse nothing."""

IDENTITY = {
    "orders": ("order_no", "sku", "qty"),
    "goods": ("sku",),
    "shipments": ("order_no", "logistics_no"),
    "prices": ("sku", "unit_price"),
    "stock": ("sku", "qty", "moved_at"),
}
"""Fields without which no row of a kind can be told from another."""


class MappingError(ValueError):
    """A mapping that cannot be used; the text (mostly ``Both``) says why."""


def answered(
    proposal: Proposal, said: Mapping[str, str], defaults: Mapping[str, str] | None = None
) -> Proposal:
    """The proposal with what the user said: field → header, or ``-`` for none.

    Raises MappingError for an unknown field, or a header that the file does not have or that is
    personal.
    """
    kind = proposal["kind"]
    columns = list(proposal["columns"])
    asked = [one for question in proposal["questions"] for one in question["headers"]]
    letters = {one["header"]: one["column"] for one in (*columns, *asked)}
    heads = {normal(head): head for head in (*letters, *proposal["unmapped"])}
    told = {
        *proposal["missing"],
        *(one for more in proposal["questions"] for one in more["fields"]),
    }
    known_fields = ", ".join(fields(kind))
    for field, head in said.items():
        if field not in {*fields(kind), *told}:
            raise MappingError(
                Both(
                    f"{field}: 没有这个栏目；{known_fields}",
                    f"{field}: no such field; {known_fields}",
                )
            )
        columns = [one for one in columns if one["field"] != field]
        if head == LEAVE_OUT:
            continue
        if head in proposal["personal"]:
            raise MappingError(_about(head, "个人信息不读入", "personal data are not read"))
        known = heads.get(normal(head)) or _spaced_otherwise(head, heads.values())
        if known is None:
            raise MappingError(_about(head, "文件中没有这个表头", "no such header in the file"))
        _not_known_otherwise(proposal, field, known)
        columns = [one for one in columns if one["header"] != known]
        columns.append({"field": field, "header": known, "column": letters.get(known, ""),
                        "confidence": 1.0, "because": "you", "samples": []})  # fmt: skip
    used = {one["header"] for one in columns}
    settled = set(said) | {one["field"] for one in columns}
    questions = []
    for question in proposal["questions"]:
        open_fields = [one for one in question["fields"] if one not in settled]
        open_heads = [one for one in question["headers"] if one["header"] not in used]
        if open_fields and open_heads:
            questions.append(question | {"field": open_fields[0], "fields": open_fields,
                                         "headers": open_heads})  # fmt: skip
    given = proposal["defaults"] | dict(defaults or {})
    still = {one["header"] for question in questions for one in question["headers"]}
    rest = [head for head in heads.values() if head not in used | still]
    there = {one["field"] for one in columns} | set(given)
    missing = [one for one in proposal["missing"] if one not in there | set(said)]
    missing += [
        field for field, head in said.items()
        if head == LEAVE_OUT and field not in there and field not in missing
    ]  # fmt: skip
    return proposal | {"columns": columns, "questions": questions, "defaults": given,
                       "unmapped": rest, "missing": missing}  # fmt: skip


def _not_known_otherwise(proposal: Proposal, field: str, head: str) -> None:
    """Raise MappingError where the layout that was recognised reads the field or the header
    otherwise: to such a layout one only adds."""
    base = proposal["base"]
    for one in proposal["columns"]:
        alike = (one["field"] == field, one["header"] == head)
        if one["because"] == KNOWN and any(alike) and not all(alike):
            raise MappingError(
                _about(
                    head,
                    f"{base} 已把“{one['header']}”读作 {one['field']}；要重新指定各列，加 --fresh",
                    f"{base} reads “{one['header']}” as {one['field']}; to say anew what each "
                    "column is, add --fresh",
                )
            )


def _spaced_otherwise(head: str, heads: Iterable[str]) -> str | None:
    """The one header that differs in blanks and line ends only: nobody types those of a cell."""
    wanted = "".join(normal(head).split())
    alike = [one for one in heads if "".join(normal(one).split()) == wanted]
    return alike[0] if len(alike) == 1 else None


def text_of(proposal: Proposal, standing: Mapping[str, str], number: str | None = None) -> str:
    """The proposal as TOML, with remarks; what is asked stands there as remarks only.

    ``standing``: the exporter's mappings, name@version → TOML, upon which a change is made.
    ``number``: which sign parts the fraction, ``point`` or ``comma``, where that was said.
    """
    said = _upon(proposal, standing) if proposal["base"] else _whole(proposal)
    if number:
        said["number"] = number
    remarks = {
        one["field"]: f"{one['column']}  {one['confidence']:.0%} {one['because']}"
        + (f"  例 e.g. {' | '.join(one['samples'])}" if one["samples"] else "")
        for one in proposal["columns"]
    }
    lines = ["# 列对应 What the columns of this sheet mean. 核对后 When it is right:",
             "#   xborder mapping accept <this file> --exporter <id>"]  # fmt: skip
    for question in proposal["questions"]:
        heads = " / ".join(one["header"] for one in question["headers"])
        about = " / ".join(question["fields"])
        lines.append(f"# ? {_plain(heads)} → {about}: 请选一个 say which, in a [[column]] below")
    for name in proposal["missing"]:
        lines.append(f"# ! 缺 no header gives: {name}")
    if proposal["personal"]:
        lines.append(f"# 个人信息，不读入 not read: {_plain(' | '.join(proposal['personal']))}")
    return "\n".join(lines) + "\n" + _toml(said, remarks)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _whole(proposal: Proposal) -> dict[str, Any]:
    """A layout of its own from a proposal."""
    kind = proposal["kind"]
    own = template(kind)
    there = {one["field"]: one["header"] for one in proposal["columns"]}
    said: dict[str, Any] = {
        "layout": proposal["name"], "channel": MAPPED, "kind": kind,
        "title_zh": f"{own.title_zh}（{proposal['name']}）",
        "title_en": f"{own.title_en} ({proposal['name']})",
        "share": SHARE, "number": "auto", "footers": list(own.footers),
    }  # fmt: skip
    if lacks := [one for one in proposal["missing"] if one in fields(kind)]:
        said["lacks"] = lacks
    if order := [one for one in own.order_fields if one in there]:
        said["order_fields"] = order
    if proposal["filled_down"]:
        said["fill_order_no"] = True
    if positive := [one for one in own.positive if one in there]:
        said["positive"] = positive
    asked = [one["header"] for question in proposal["questions"] for one in question["headers"]]
    said["known_headers"] = [*proposal["unmapped"], *dict.fromkeys(asked), *proposal["personal"]]
    if postal := postal_heads(proposal["personal"]):
        said["postal"] = postal
    if proposal["defaults"]:
        said["defaults"] = dict(proposal["defaults"])
    if values := {name: dict(words) for name, words in own.values.items() if name in there}:
        said["values"] = values
    rules = [one for one in own.exclude if one.field in there]
    if rules:
        said["exclude"] = [{"code": one.code, "scope": one.scope, "field": one.field,
                            "values": list(one.values)} for one in rules]  # fmt: skip
    said["column"] = [{"field": field, "aliases": [head]} for field, head in there.items()]
    return said


def _upon(proposal: Proposal, standing: Mapping[str, str]) -> dict[str, Any]:
    """The layout that was recognised, with the new headers of its columns."""
    base = proposal["base"]
    added = {"layout": base, "base": base, "column": []}
    said = tomllib.loads(standing[base]) if base in standing else added
    columns = {one["field"]: one for one in said["column"]}
    fresh = [one for one in proposal["columns"] if one["because"] != KNOWN]
    for one in fresh:
        own = columns.setdefault(one["field"], {"field": one["field"], "aliases": []})
        own["aliases"] = list(dict.fromkeys([*own["aliases"], one["header"]]))
    if defaults := proposal["defaults"]:
        said["defaults"] = _below(said, "defaults") | defaults
    if more := [one["field"] for one in fresh if one["field"] in _once_an_order(proposal["kind"])]:
        said["order_fields"] = list(dict.fromkeys([*_below(said, "order_fields"), *more]))
    dropped = {one for one in proposal["missing"] if one not in columns or not said.get("base")}
    if not said.get("base"):
        # What is gone from a sheet of one's own is no part of its mapping any more.
        columns = {name: one for name, one in columns.items() if name not in dropped}
        said["needed"] = [one for one in said.get("needed", ()) if one in columns]
        said["known_headers"] = list(
            dict.fromkeys([*said.get("known_headers", ()), *proposal["unmapped"]])
        )
    return said | {"column": list(columns.values())}


def _once_an_order(kind: str) -> tuple[str, ...]:
    return template(kind).order_fields


def _below(said: Mapping[str, Any], part: str) -> Any:
    """A part of a mapping, or of the layout that it is built upon."""
    default: Any = {} if part == "defaults" else ()
    below = getattr(layouts.by_name(said["base"]), part) if said.get("base") else default
    return said.get(part, below)


def _about(what: str, zh: str, en: str) -> Both:
    return Both(f"{what}: {zh}", f"{what}: {en}")


def checked(text: str) -> tuple[str, Layout]:
    """A mapping's text in its one form, without remarks, and the layout that it is.

    Raises MappingError where it cannot be used.
    """
    if len(text) > MOST_CHARACTERS:
        raise MappingError(
            Both(f"最多 {MOST_CHARACTERS} 个字符", f"at most {MOST_CHARACTERS} characters")
        )
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(Both(f"不是 TOML：{error}", f"not TOML: {error}")) from error
    if unknown := set(said) - PARTS:
        raise MappingError(
            _about(", ".join(sorted(unknown)), "不能写在列对应里", "no part of a mapping")
        )
    columns = said.get("column")
    if not isinstance(columns, list) or not columns:
        raise MappingError(Both("没有 [[column]]", "no [[column]] says what a header means"))
    if not said.get("base"):
        said.setdefault("share", SHARE)
        said.setdefault("channel", MAPPED)
        said.setdefault("needed", [one.get("field") for one in columns if isinstance(one, dict)])
    try:
        layout = layouts.parse(_toml(said, {}))
    except (TypeError, ValueError, KeyError, AttributeError, StopIteration) as error:
        raise MappingError(str(error)) from error
    _judge(said, layout)
    return _toml(said, {}), layout


def _judge(said: dict[str, Any], layout: Layout) -> None:
    name = layout.layout
    if not NAME.fullmatch(name):
        raise MappingError(
            _about(name, "名称用小写字母、数字", "a name has small letters and digits")
        )
    known = {one.layout: one for one in layouts.all_layouts()}
    if name in known and layout.base != name:
        raise MappingError(_about(name, "已有这个版式", "a layout of this name is built in"))
    if layout.kind not in KINDS or (not layout.base and layout.channel != MAPPED):
        raise MappingError(
            _about(
                f"{layout.kind}, {layout.channel}",
                f'kind 应为其中之一：{", ".join(KINDS)}；channel = "{MAPPED}"',
                f'kind is one of {", ".join(KINDS)}; channel = "{MAPPED}"',
            )
        )
    if not layout.base and not 0.5 <= layout.share <= 1:
        raise MappingError("share: 0.5–1")
    if layout.base and (known[layout.base].refuse or layout.groups):
        raise MappingError(_about(layout.base, "不能作为 base", "cannot be built upon"))
    there = {one.field for one in layout.columns}
    if absent := [one for one in IDENTITY[layout.kind] if one not in there]:
        raise MappingError(_about(", ".join(absent), "还没有指定", "not said which header it is"))
    if lost := [one for one in layout.needed if one not in there]:
        raise MappingError(
            _about(", ".join(lost), "needed 中没有对应的列", "needed, but no column is it")
        )
    _judge_columns(said, layout)


def _judge_columns(said: dict[str, Any], layout: Layout) -> None:
    if odd := [one for one in layout.postal if one not in POSTAL_FIELDS]:
        raise MappingError(f"postal: {', '.join(odd)}; {', '.join(POSTAL_FIELDS)}")
    seen: dict[str, str] = {}
    for one in said["column"]:
        if not one.get("aliases"):
            raise MappingError(_about(one["field"], "没有表头", "aliases names no header"))
        for head in one["aliases"]:
            before = seen.setdefault(normal(head), one["field"])
            others = (c.field for c in layout.columns if c.field != one["field"])
            more = {c.field for c in layout.columns for h in c.headers if normal(h) == normal(head)}
            if before != one["field"] or more & set(others):
                raise MappingError(
                    _about(head, "对应了两个栏目", "a header cannot mean two fields")
                )


def base_name(layout: str | None) -> str:
    """The name of a layout without its version."""
    return (layout or "").partition(VERSION)[0]


def _toml(said: Mapping[str, Any], remarks: Mapping[str, str]) -> str:
    """A layout's parts as TOML: values first, then tables, then columns with their remarks."""
    lines = [f"{key} = {_value(one)}" for key, one in said.items() if not _is_table(one)]
    for key, one in said.items():
        if isinstance(one, dict):
            nested = {name: more for name, more in one.items() if isinstance(more, dict)}
            plain = {name: more for name, more in one.items() if name not in nested}
            if plain:
                lines += ["", f"[{key}]", *_pairs(plain)]
            for name, more in nested.items():
                lines += ["", f"[{key}.{name}]", *_pairs(more)]
    for key, one in said.items():
        if _is_table(one) and isinstance(one, list):
            for row in one:
                remark = remarks.get(row.get("field", "")) if key == "column" else None
                lines += ["", *([f"# {_plain(remark)}"] if remark else []), f"[[{key}]]",
                          *_pairs(row)]  # fmt: skip
    return "\n".join(lines) + "\n"


def _is_table(one: Any) -> bool:
    return isinstance(one, dict) or (
        isinstance(one, list) and bool(one) and all(isinstance(row, dict) for row in one)
    )


def _pairs(said: Mapping[str, Any]) -> list[str]:
    bare = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
    names = {name: name if bare.fullmatch(name) else _value(name) for name in said}
    return [f"{names[name]} = {_value(one)}" for name, one in said.items()]


def _value(one: Any) -> str:
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, int | float):
        return str(one)
    if isinstance(one, Sequence) and not isinstance(one, str):
        return "[" + ", ".join(_value(more) for more in one) + "]"
    if not isinstance(one, str):
        raise MappingError(_about(repr(one), "应为文字或数字", "write a text or a number"))
    plain = one.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in plain) + '"'
