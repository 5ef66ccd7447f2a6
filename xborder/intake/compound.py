"""An old workbook's container (OLE 复合文档), looked at before the library reads it.

The library follows chains of sectors without counting, and makes every sheet a full rectangle:
a file of two kilobytes can make it take all memory. So every chain must end, and the rectangle
that a sheet's cells span must be of a size that is read. (MS-CFB 2; MS-XLS 2.5)
"""

import struct
from array import array
from collections.abc import Iterator

from xborder.intake.limits import Limits, refuse

LAST = 0xFFFFFFFA
"""Numbers above are marks: end of a chain, free, part of the table."""
SMALL_STREAM = 4096
ENTRY, STREAM, ROOT = 128, 2, 5
BEGIN = 0x0809
ONE_CELL = frozenset({0x0006, 0x00FD, 0x00D6, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E})
MANY_CELLS = frozenset({0x00BD, 0x00BE})
"""Records of one cell and of several; both begin with row and first column."""
MOST_CELLS = 6_000_000


def look(data: bytes, limits: Limits) -> None:
    """Raises Refused: FILE_DAMAGED, TOO_MANY_COLUMNS, FILE_TOO_HEAVY."""
    try:
        container = _Container(data)
        for start, size, kind in container.entries():
            if kind == ROOT or size >= SMALL_STREAM:
                container.chain(start)
        for name, start, size in container.streams():
            if name in ("workbook", "book") and size >= SMALL_STREAM:
                stream = container.content(start)
                if len(stream) < size:
                    refuse("FILE_DAMAGED", reason="cut off")
                _look_at_cells(stream[:size], limits)
    except struct.error:
        refuse("FILE_DAMAGED", reason="OLE container")


class _Container:
    """Sectors and the table of what follows which."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        (shift,) = struct.unpack_from("<H", data, 30)
        if shift not in (9, 12):
            refuse("FILE_DAMAGED", reason="OLE sector size")
        self._size = 1 << shift
        self._count = -(-(len(data) - self._size) // self._size)
        self._table = self._sectors_of_table()
        (start,) = struct.unpack_from("<L", data, 48)
        self._folder = self.content(start)
        self.chain(struct.unpack_from("<L", data, 60)[0])

    def _sector(self, number: int) -> bytes:
        begin = (number + 1) * self._size
        return self._data[begin : begin + self._size]

    def _sectors_of_table(self) -> "array[int]":
        numbers = list(struct.unpack_from("<109L", self._data, 76))
        (following,) = struct.unpack_from("<L", self._data, 68)
        for _ in range(self._count):
            if following >= self._count:
                break
            *more, following = struct.unpack(f"<{self._size // 4}L", self._sector(following))
            numbers += more
        else:
            refuse("FILE_DAMAGED", reason="OLE sectors run in a circle")
        used = [one for one in numbers if one <= LAST]
        if len(set(used)) != len(used):
            refuse("FILE_DAMAGED", reason="OLE sectors stand twice in the table")
        table = array("I")
        for one in used:
            sector = self._sector(one)
            table.frombytes(sector[: len(sector) // 4 * 4])
        return table

    def chain(self, start: int) -> list[int]:
        """The sectors of a chain, which ends or leads out of the file."""
        numbers = []
        while start < self._count:
            numbers.append(start)
            if len(numbers) > self._count:
                refuse("FILE_DAMAGED", reason="OLE sectors run in a circle")
            start = self._table[start] if start < len(self._table) else LAST + 1
        return numbers

    def content(self, start: int) -> bytes:
        return b"".join(map(self._sector, self.chain(start)))

    def entries(self) -> Iterator[tuple[int, int, int]]:
        """First sector, size and kind of each entry of the folder."""
        for at in range(0, len(self._folder) - ENTRY + 1, ENTRY):
            kind = self._folder[at + 66]
            start, size = struct.unpack_from("<2L", self._folder, at + 116)
            if kind in (STREAM, ROOT):
                yield start, size, kind

    def streams(self) -> Iterator[tuple[str, int, int]]:
        """Name in small letters, first sector and size of each stream."""
        for at in range(0, len(self._folder) - ENTRY + 1, ENTRY):
            (length,) = struct.unpack_from("<H", self._folder, at + 64)
            name = self._folder[at : at + max(0, min(length, 64) - 2)]
            start, size = struct.unpack_from("<2L", self._folder, at + 116)
            if self._folder[at + 66] == STREAM:
                yield name.decode("utf-16-le", "replace").casefold(), start, size


def _look_at_cells(stream: bytes, limits: Limits) -> None:
    """How far the cells of each sheet reach."""
    at, rows, columns, end = 0, 0, 0, len(stream) - 4
    record = struct.Struct("<2H")
    while at <= end:
        kind, length = record.unpack_from(stream, at)
        at += 4
        if kind == BEGIN:
            rows = columns = 0
        elif (
            (kind in ONE_CELL or kind in MANY_CELLS) and length >= 4 and at + length <= len(stream)
        ):
            row, column = record.unpack_from(stream, at)
            if kind in MANY_CELLS:
                (column,) = struct.unpack_from("<H", stream, at + length - 2)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            if columns > limits.columns:
                value, expected = str(columns), str(limits.columns)
                refuse("TOO_MANY_COLUMNS", value=value, expected=expected)
            if rows * columns > MOST_CELLS:
                refuse("FILE_TOO_HEAVY")
        at += length
