"""The project's own workbooks (模板): written from the layouts that read them back."""

from pathlib import Path
from typing import Any

from xborder import clock
from xborder.intake.codes import labels
from xborder.intake.layouts import Column, Layout, template

ROWS = 2000
"""Rows prepared with dropdowns and text format; more rows work, only without dropdowns."""
INSTRUCTIONS, CODES = "说明 Instructions", "代码 Codes"
FONT = "Microsoft YaHei"
REQUIRED, OPTIONAL, EDGE = "#1F4E79", "#7F9DB9", "#BFBFBF"
TEXTS = {
    "zh": {
        "title": "{title}模板说明",
        "steps": (
            "1. 在“{sheet}”表填写，一行一条；表头请勿改名、合并或删除。",
            "2. 带 * 的深色列必填；浅色列选填。鼠标移到表头可看填写说明。",
            "3. 编号、编码、运单号等请保持文本格式，避免 Excel 把长数字变成 1.23E+17。",
            "4. 日期写成 2026-04-01；金额和数量只写数字，小数点用英文句点。",
            "5. 带下拉列表的列可以选择，也可以直接写代码或中文名称。",
            "6. 请勿填写买家姓名、电话、地址等个人信息。",
        ),
        "head": ("列名", "必填", "填写说明", "示例"),
        "yes": "是",
        "no": "",
    },
    "en": {
        "title": "How to fill in the template: {title}",
        "steps": (
            "1. Fill in the sheet “{sheet}”, one row each; do not rename or delete headers.",
            "2. Dark columns marked * are required, light ones optional. Hover over a header.",
            "3. Keep order numbers, codes and waybills as text, or Excel makes them 1.23E+17.",
            "4. Dates as 2026-04-01; amounts and quantities as plain digits with a decimal point.",
            "5. Columns with a list take a choice, or the code or Chinese name typed in.",
            "6. No buyer's name, phone or address, please.",
        ),
        "head": ("Column", "Required", "What to enter", "Example"),
        "yes": "yes",
        "no": "",
    },
}


def write_template(kind: str, path: Path, lang: str = "zh") -> None:
    """Write the empty workbook of a kind (orders, goods, shipments, stock).

    ``lang`` decides the language of notes and instructions; headers are bilingual. Raises
    KeyError for an unknown kind or language, OSError when the file cannot be written.
    """
    import xlsxwriter  # needed nowhere else on the way of a file

    texts, layout = TEXTS[lang], template(kind)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as book:
        # The same day's template has the same bytes.
        book.set_properties(
            {"created": clock.now().replace(hour=0, minute=0, second=0, tzinfo=None)}
        )
        sheet = book.add_worksheet(layout.sheet)
        guide = book.add_worksheet(INSTRUCTIONS)
        code_sheet = book.add_worksheet(CODES)
        _write_columns(book, sheet, layout, lang)
        _write_lists(book, sheet, code_sheet, layout)
        _write_guide(book, guide, layout, texts, lang)
        sheet.activate()


def _note(column: Column, lang: str) -> str:
    return column.note_zh if lang == "zh" else column.note_en


def _write_columns(book: Any, sheet: Any, layout: Layout, lang: str) -> None:
    base = {"font_name": FONT, "font_size": 10, "valign": "vcenter", "text_wrap": True}
    head = base | {"bold": True, "align": "center", "border": 1, "border_color": EDGE}
    required = book.add_format(head | {"bg_color": REQUIRED, "font_color": "#FFFFFF"})
    optional = book.add_format(head | {"bg_color": OPTIONAL, "font_color": "#FFFFFF"})
    as_text = book.add_format({"font_name": FONT, "font_size": 10, "num_format": "@"})
    sheet.set_row(0, 36)
    for index, column in enumerate(layout.columns):
        sheet.set_column(index, index, column.width, as_text)
        sheet.write_string(0, index, column.head, required if column.required else optional)
        example = f"\n例 e.g. {column.example}" if column.example else ""
        note = {
            "x_scale": 1.6,
            "y_scale": 1.2,
            "font_name": FONT,
            "font_size": 9,
            "author": "xborder",
        }
        sheet.write_comment(0, index, _note(column, lang) + example, note)
    # Everything is text on purpose; no green corners about it.
    sheet.ignore_errors({"number_stored_as_text": "A1:AZ1048576"})
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, ROWS, len(layout.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _write_lists(book: Any, sheet: Any, code_sheet: Any, layout: Layout) -> None:
    """Dropdowns: the lists stand on a sheet of their own, since Excel caps inline ones."""
    head = book.add_format({"font_name": FONT, "bold": True, "bg_color": "#D9E1F2"})
    plain = book.add_format({"font_name": FONT, "num_format": "@"})
    from xborder.schemas import tables  # not needed where files are only read

    held = tables.load(None)
    placed: dict[tuple[str, ...], int] = {}
    for index, column in enumerate(layout.columns):
        offered = tuple(labels(column, held))
        if not offered:
            continue
        if offered not in placed:
            at = placed[offered] = len(placed)
            code_sheet.set_column(at, at, 26, plain)
            code_sheet.write_string(0, at, f"{column.zh} {column.en}", head)
            for row, label in enumerate(offered, 1):
                code_sheet.write_string(row, at, label, plain)
        at = placed[offered]
        letter = chr(ord("A") + at)
        sheet.data_validation(
            1,
            index,
            ROWS,
            index,
            {
                "validate": "list",
                "source": f"='{CODES}'!${letter}$2:${letter}${len(offered) + 1}",
                # A code or a name typed in is as good as a choice; the check says what is not.
                "error_type": "information",
                "error_title": "xborder",
                "error_message": "不在下拉列表中；可直接写代码或名称。\n"
                "Not in the list; a code or name will do.",
            },
        )
    code_sheet.freeze_panes(1, 0)


def _write_guide(book: Any, guide: Any, layout: Layout, texts: dict[str, Any], lang: str) -> None:
    title = book.add_format({"font_name": FONT, "font_size": 14, "bold": True})
    plain = book.add_format(
        {"font_name": FONT, "font_size": 10, "valign": "top", "text_wrap": True}
    )
    head = book.add_format(
        {
            "font_name": FONT,
            "bold": True,
            "bg_color": REQUIRED,
            "font_color": "#FFFFFF",
            "border": 1,
        }
    )
    cell = book.add_format(
        {"font_name": FONT, "font_size": 10, "valign": "top", "text_wrap": True, "border": 1,
         "border_color": EDGE, "num_format": "@"}
    )  # fmt: skip
    guide.hide_gridlines(2)
    for index, width in enumerate((34, 8, 72, 26)):
        guide.set_column(index, index, width)
    name = layout.title_zh if lang == "zh" else layout.title_en
    guide.write_string(0, 0, texts["title"].format(title=name), title)
    row = 2
    for step in texts["steps"]:
        guide.merge_range(row, 0, row, 3, "", plain)
        guide.write_string(row, 0, step.format(sheet=layout.sheet), plain)
        row += 1
    row += 1
    for index, text in enumerate(texts["head"]):
        guide.write_string(row, index, text, head)
    for column in layout.columns:
        row += 1
        mark = texts["yes"] if column.required else texts["no"]
        for index, text in enumerate((column.head, mark, _note(column, lang), column.example)):
            guide.write_string(row, index, text, cell)
