"""A text's blocks of rows as blocks of whole orders (整单分块).

The file is looked at twice: the first time a survey finds what only the whole can tell, the
second time lines are made. An order whose rows lie in several blocks of the file is held aside
and comes at the end, with the others of its kind; if they are too many to hold, the file is
looked at again for each part of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import polars as pl

from xborder.findings import Finding
from xborder.intake import blocks, lines, meaning
from xborder.intake.blocks import Part
from xborder.intake.delimited import Form
from xborder.intake.grid import Row, Table, compact, size_of
from xborder.intake.headers import Mapping
from xborder.intake.limits import refuse
from xborder.intake.lines import Circumstances, SheetLines
from xborder.intake.stream import Stream
from xborder.intake.survey import Keys, Proved, Survey, looked_at

ROWS = 50_000
"""Rows of a block of orders that were held aside."""
MOST_HELD = 96 * 1024 * 1024
"""Bytes of rows held aside at a time."""
NO_DATA = ("HEADER", "BLANK", "FOOTER", "NOT_DATA", "DESCRIPTION", "SHEET_NOT_READ")


COUNTED = ("FOOTER_SKIPPED", "OVERSEAS_ROWS")
"""Notices that count rows: one a sheet, however many blocks it came in."""


class Sender:
    """Hands blocks on, and counts what they hold. Raises Refused with TOO_MANY_FAULTS."""

    def __init__(self, send: Callable[[SheetLines], None], most: int) -> None:
        """Blocks go to ``send``; ``most`` findings are too few to stop."""
        self._send, self._most, self._told = send, most, 0
        self._counted: dict[tuple[str, str], Finding] = {}
        self._all_shifted = False
        self.any_data = False

    @property
    def counted(self) -> list[Finding]:
        """The notices about rows of all blocks, each once."""
        return list(self._counted.values())

    def _of_block(self, one: Finding) -> bool:
        """Whether a finding goes with its block; what is told once a file is kept or dropped."""
        if one.code in COUNTED:
            key = (one.code, one.sheet)
            first = self._counted.get(key, replace(one, value="0"))
            row = min(first.row or 0, one.row or 0)
            both = str(int(first.value) + int(one.value))
            self._counted[key] = replace(first, row=row, value=both, order_no="")
            return False
        if one.code == "COLUMNS_SHIFTED" and one.params.get(meaning.ROWS):
            known, self._all_shifted = self._all_shifted, True
            return not known
        return True

    def send(self, block: SheetLines) -> None:
        """Hand a block on."""
        block.findings = [one for one in block.findings if self._of_block(one)]
        self._told += len(block.findings)
        if self._told > self._most:
            refuse("TOO_MANY_FAULTS", value=str(self._told))
        excluded = block.rows["excluded"]
        said = excluded.drop_nulls().unique().is_in(list(NO_DATA))
        self.any_data = self.any_data or bool(excluded.null_count()) or not said.all()
        self._send(block)


class WholeOrders:
    """One text file's rows, surveyed and then delivered as blocks."""

    def __init__(
        self,
        stream: Stream,
        form: Form,
        header: Row,
        mapping: Mapping,
        around: Circumstances,
        sender: Sender,
    ) -> None:
        """Begin with a stream at its beginning and the header that was found in it."""
        self._stream, self._form, self._header, self._mapping = stream, form, header, mapping
        self._around, self._sender = around, sender
        self._parts: list[Part] = []
        self._room = blocks.HELD
        self._proved = Proved()
        self._straddling = pl.Series([], dtype=pl.UInt64)

    def survey(self) -> list[Finding]:
        """Look at the whole file; returns the findings about its header."""
        survey = Survey("", self._header.number, self._mapping, self._around.zone)
        some = looked_at(self._mapping) | {self._form.kept[0], self._form.kept[-1]}
        heads = {at: head for at, head in self._form.heads.items() if int(at) in some}
        glance = replace(self._form, heads=heads)
        for part in blocks.first_parts(
            self._stream,
            self._form,
            self._header.number,
            # What cannot be held is read again: here only for what the survey looks at.
            lambda: glance if self._room <= 0 else None,
        ):
            assert part.frame is not None
            table = self._table(part.frame)
            if part.rows_before:
                survey.add(table, alone=len(self._parts) == 1 and self._stream.finished)
            self._room -= size_of(table.frame)
            held = part.whole and self._room > 0
            data = table.frame["code"].null_count() == table.frame.height
            self._parts.append(replace(part, frame=table.frame if held else None, data=data))
        self._straddling = survey.straddling()
        self._proved = survey.proved()
        return list(lines.about_header("", self._header, self._mapping))

    def deliver(self) -> None:
        """Make the lines, block by block; the orders held aside in ranges of their hashes."""
        first, last = 0, len(self._straddling)
        while True:
            aside = Aside(self._straddling, first, last)
            keys = Keys(self._mapping)
            before: SheetLines | None = None
            for at, table in enumerate(self._tables()):
                mine = aside.part(table, keys) if last else table
                if first:
                    continue
                made = self._lines(mine)
                if before:
                    made.rows = pl.concat([before.rows, made.rows])
                # The rows above the data are no block of their own.
                before = made if at == 0 and len(self._parts) > 1 else None
                if not before and made.rows.height:
                    self._sender.send(made)
            for table in aside.tables():
                self._sender.send(self._lines(table))
            if aside.last == len(self._straddling):
                return
            first = aside.last

    def _tables(self) -> Iterator[Table]:
        """Every part once more, as it was held or read anew."""
        self._stream.rewind()
        for part in self._parts:
            if part.frame is None:
                frame = blocks.again(self._stream, self._form, part)
                if part.data:
                    yield Table("", frame.with_columns(code=pl.lit(None, pl.String)))
                else:
                    yield self._table(frame)
            else:
                self._stream.skip(part.length)
                yield Table("", part.frame)

    def _table(self, frame: pl.DataFrame) -> Table:
        return lines.classified(Table("", frame), self._header, self._mapping)

    def _lines(self, table: Table) -> SheetLines:
        return lines.read(table, self._header, self._mapping, self._around, self._proved)


class Aside:
    """Rows of orders held aside: those of a range of the straddling orders, or less of them."""

    def __init__(self, orders: pl.Series, first: int, last: int) -> None:
        """``orders``: hashes, sorted; of them those from ``first`` to before ``last``."""
        self._orders, self._first, self.last = orders, first, last
        self._held: list[pl.DataFrame] = []

    def part(self, table: Table, keys: Keys) -> Table:
        """Take the rows that are to be held from a table; returns the others."""
        key = keys.of(table.body())
        found = key.is_in(self._orders.implode()).fill_null(value=False)
        if not found.any():
            return table
        frame = table.frame.with_row_index("at")
        place = self._orders.search_sorted(key.filter(found)).cast(pl.UInt32)
        moved = replace(table, frame=frame).body().filter(found).with_columns(order=place)
        self._held.append(compact(moved.filter(self._within()).drop("at")))
        while self.last - self._first > 1 and self._size() > MOST_HELD:
            self.last = (self._first + self.last) // 2
            self._held = [compact(one.filter(self._within())) for one in self._held]
        stay = pl.repeat(value=True, n=frame.height, eager=True).scatter(moved["at"], False)
        return replace(table, frame=table.frame.filter(stay))

    def _within(self) -> pl.Expr:
        return pl.col("order").is_between(self._first, self.last - 1)

    def _size(self) -> int:
        return sum(map(size_of, self._held))

    def tables(self) -> Iterator[Table]:
        """The rows held, whole orders together, in the file's order."""
        if not self._held:
            return
        held = pl.concat(self._held)
        sizes = held.group_by("order").len().sort("order")
        group = ((pl.col("len").cum_sum() - 1) // ROWS).alias("group")
        held = held.join(sizes.select("order", group), on="order", maintain_order="left")
        for frame in held.partition_by("group", maintain_order=True, include_key=False):
            yield Table("", frame.drop("order"))
