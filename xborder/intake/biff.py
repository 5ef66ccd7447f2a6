"""XLS to rows: an old workbook through calamine, after the preflight found a BIFF stream in it."""

import io

import python_calamine

from xborder.intake import compound, workbook
from xborder.intake.grid import NUMBER, TEXT, Row, Sheet
from xborder.intake.limits import Limits, refuse


def read(data: bytes, limits: Limits) -> list[Sheet]:
    """All sheets of a workbook, in its order.

    Raises Refused: FILE_PASSWORD_PROTECTED, FILE_DAMAGED, TOO_MANY_COLUMNS, FILE_TOO_HEAVY.
    """
    compound.look(data, limits)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        tables = [
            (meta.name, meta.visible, book.get_sheet_by_name(meta.name))
            for meta in book.sheets_metadata
            if meta.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
    except python_calamine.PasswordError:
        refuse("FILE_PASSWORD_PROTECTED")
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        refuse("FILE_DAMAGED", reason=str(error)[:200])
    except BaseException as error:
        # The library panics where sectors lead out of the file; that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        refuse("FILE_DAMAGED", reason=str(error)[:200])
    sheets = []
    for name, visible, table in tables:
        sheet = Sheet(name, hidden=visible != python_calamine.SheetVisibleEnum.Visible)
        if table.width > limits.columns:
            refuse("TOO_MANY_COLUMNS", sheet=name, value=str(table.width), expected="512")
        for number, values in enumerate(table.to_python(skip_empty_area=False), 1):
            texts, kinds = zip(*(_cell(value) for value in values), strict=True)
            if any(texts):
                sheet.rows.append(Row(number, list(texts), b"".join(kinds)))
        sheets.append(sheet)
    return sheets


def _cell(value: object) -> tuple[str | None, bytes]:
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE"), TEXT
    if isinstance(value, float | int):
        text, is_number = workbook.cell_number(repr(value))
        return text, NUMBER if is_number else TEXT
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") and hasattr(
            value, "year"
        ) else value.isoformat(), TEXT
    return (str(value) or None), TEXT
