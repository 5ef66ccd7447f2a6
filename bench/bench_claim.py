"""What the registry costs an order, over its whole life, against many stored orders.

    python -m bench.bench_claim [--stored 10000000] [--batches 4] [--url URL] [--scratch FOLDER]

Batches of 100,000 orders with random numbers of 24 characters, one in twenty known before; each
batch goes through all steps as the pipeline takes them: entering, verdicts of a check, waybills,
lists, manifests. Printed is CPU time an order (user + system; on PostgreSQL the server's too) as
the median of the batches. Every other batch is entered in two steps. The claim tells which
numbers are new and which order has each of the others, and has the new orders' rows on the disk;
to it comes a key's share of closing the volume of its shop, which most batches do not meet. The
rest is what becomes of those that were known. The other
batches are entered block by block, as a file's reading enters them. The stored orders are made
once and kept in the scratch folder. ``--url`` names an empty PostgreSQL database on this machine.
"""

import argparse
import random
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, select

import xborder
from bench import process, table
from xborder.registry import (
    claims,
    counters,
    cutoffs,
    database,
    lists,
    manifests,
    orders,
    uploads,
    volumes,
    waybills,
)
from xborder.registry.staging import insert
from xborder.registry.tables import shops

BATCH = 100_000
"""Orders a batch."""

BLOCK = 25_000
"""Orders a block: 50,000 lines at two lines an order."""

KNOWN = 20
"""One order in so many was entered before."""

PER_MANIFEST = 1000
DAY, NOW = date(2026, 11, 20), datetime(2026, 11, 20, 2, tzinfo=UTC)
SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def numbers(chance: random.Random, count: int) -> list[str]:
    """Random order numbers of 24 characters."""
    return ["".join(chance.choices(SIGNS, k=24)) for _ in range(count)]


def entries(named: list[str]) -> pl.DataFrame:
    """What a reading tells of orders."""
    count = len(named)
    return pl.DataFrame({"order_no": named}).select(
        "order_no",
        digest=pl.col("order_no").hash(seed=1).cast(pl.String).str.pad_start(64, "0"),
        status_digest=pl.lit(""),
        ordered_at=pl.lit("2026-11-01T08:00:00+08:00"),
        cancelled=pl.lit(value=False),
        rows=pl.lit(2, pl.Int64),
        lines=pl.lit(2, pl.Int64),
        first_row=pl.int_range(2, 2 * count + 2, 2),
    )


def upload(c: Connection, name: str) -> int:
    """An order file that was read."""
    sha = name.encode().hex().rjust(64, "0")
    took = uploads.receive(c, sha, "dapu", "shop", "orders", f"{name}.csv", 10, NOW)
    uploads.mark_read(c, took.upload_id, "l", "template", "orders", {}, 0)
    return took.upload_id


class Cpu:
    """CPU time of this process, and of a database server where there is one."""

    def __init__(self, engine: Engine) -> None:
        """Of this process and what ``engine`` talks to."""
        self.server = engine.dialect.name == "postgresql"
        self.spent: dict[str, list[float]] = {}

    def now(self) -> float:
        """Seconds so far."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        spent = own.ru_utime + own.ru_stime
        return spent + (_servers() if self.server else 0.0)

    def take(self, step: str, work: Callable[[], Any]) -> Any:
        """Do a step and remember what it cost."""
        before = self.now()
        result = work()
        self.spent.setdefault(step, []).append((self.now() - before) / BATCH * 1e6)
        return result


def _servers() -> float:
    """CPU seconds of every PostgreSQL process on this machine, ended ones by their parent's."""
    spent = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            said = (folder / "stat").read_text()
        except OSError:
            continue
        if "(postgres" in said:
            fields = said.rpartition(")")[2].split()
            spent += sum(map(int, fields[11:15]))
    return spent / 100


def blocks(engine: Engine, upload_id: int, of_file: pl.DataFrame) -> None:
    """Enter a batch as the blocks of one file."""
    for block, start in enumerate(range(0, BATCH, BLOCK)):
        with database.transaction(engine) as c:
            orders.enter(c, upload_id, of_file.slice(start, BLOCK), block)


def whole(engine: Engine, upload_id: int, of_file: pl.DataFrame, spent: Cpu) -> None:
    """Enter a batch at once: the claim of its numbers, then the rest."""
    found: list[pl.DataFrame] = []

    def numbers_of_it() -> None:
        with database.transaction(engine) as c:
            volume = volumes.opened(c, "dapu", "template", "shop")
            kept = orders.as_kept(of_file)
            first = counters.draw_many(c, "order", kept.height).start
            numbered = kept.with_columns(order_id=pl.int_range(first, first + kept.height))
            found.extend((kept, *claims.claim(c, upload_id, volume, 0, numbered)))

    def rest() -> None:
        kept, _, known = found
        with database.transaction(engine) as c:
            if known.height:
                claims.take_known(c, upload_id, 0, kept, known)

    spent.take("claim", numbers_of_it)
    spent.take("enter the rest", rest)


def check(engine: Engine, version: str, chance: random.Random, spent: Cpu) -> None:
    """Verdicts and waybills, block by block; one order in fifty is held."""
    with database.reading(engine) as c:
        found = spent.take("open blocks", lambda: orders.open_blocks(c, "dapu", version))
    ready = []

    def waiting() -> None:
        for upload_id, block, _ in found.iter_rows():
            with database.reading(engine) as c:
                ready.append(orders.open_orders(c, "dapu", version, upload_id, block))

    spent.take("open orders", waiting)
    made = []
    for part in ready:
        held = pl.Series([chance.random() < 0.02 for _ in range(len(part))], dtype=pl.Boolean)
        state = pl.when(held).then(pl.lit("held")).otherwise(pl.lit("accepted"))
        route = pl.when(held).then(None).otherwise(pl.lit("list"))
        codes = pl.when(held).then(pl.lit("AWAITING_SHIPMENT")).otherwise(pl.lit(""))
        verdicts = part.select("order_id", "upload_id", state=state, route=route, codes=codes)
        left = chance.randrange(10**9)
        made.append(
            (
                verdicts,
                verdicts.filter(~held).select(
                    "order_id",
                    logistics_code=pl.lit("4401986C07"),
                    # Firms hand out consecutive numbers, a thousand or so at a time.
                    logistics_no=pl.format("LX{}CN", pl.col("order_id") + left * 1000),
                    export_date=pl.lit("2026-11-21"),
                ),
            )
        )

    def record() -> None:
        for verdicts, _ in made:
            with database.transaction(engine) as c:
                number = counters.draw(c, "check")
                orders.record_check(c, "dapu", version, number, verdicts, DAY)

    def parcels() -> None:
        for _, sent in made:
            with database.transaction(engine) as c:
                waybills.enter(c, sent)

    spent.take("record_check", record)
    spent.take("waybills", parcels)


def claim(engine: Engine) -> None:
    """Lists of all accepted orders, in portions."""
    more = True
    while more:
        with database.transaction(engine) as c:
            more = lists.claim(c, limit=BLOCK) == BLOCK


def reserve(engine: Engine, spent: Cpu) -> None:
    """One cut-off of all that is pending."""
    pages: list[pl.DataFrame] = []

    def paging() -> None:
        with database.reading(engine) as c:
            after = 0
            while len(page := lists.pending(c, after, BLOCK)):
                after = int(page["list_id"][-1])
                pages.append(page.select("list_id"))

    spent.take("pending", paging)
    every = pl.concat(pages).with_row_index("manifest")
    assigned = every.select("list_id", pl.col("manifest") // PER_MANIFEST)
    count = -(-len(every) // PER_MANIFEST)

    def reserving() -> None:
        with database.transaction(engine) as c:
            cutoff = cutoffs.take(c, DAY, NOW)
            plan = [manifests.NewManifest("lists", "dapu", {}, "6041")] * count
            parts = [assigned.slice(start, BLOCK) for start in range(0, len(assigned), BLOCK)]
            manifests.reserve_all(c, cutoff, plan, parts, DAY, NOW)

    spent.take("reserve_all", reserving)


def life(engine: Engine, name: str, named: list[str], by_blocks: bool, spent: Cpu) -> None:
    """All steps of one batch."""
    with database.transaction(engine) as c:
        upload_id = upload(c, name)
    of_file = entries(named)
    if by_blocks:
        spent.take("enter in blocks", lambda: blocks(engine, upload_id, of_file))
    else:
        whole(engine, upload_id, of_file, spent)
    check(engine, f"v{name}", random.Random(name), spent)
    spent.take("claim lists", lambda: claim(engine))
    reserve(engine, spent)


def close(engine: Engine, spent: Cpu) -> None:
    """What closing a volume costs each of its keys."""
    with database.reading(engine) as c:
        volume, count = c.execute(
            select(shops.c.id, shops.c.orders).order_by(shops.c.id.desc()).limit(1)
        ).one()
        before = spent.now()
        volumes.filter_of(c, volume, count)
        spent.spent["close volume"] = [(spent.now() - before) / count * 1e6]


def fill(engine: Engine, stored: int, chance: random.Random) -> list[str]:
    """Declared orders, as earlier days would have left them; some of their numbers."""
    with database.transaction(engine) as c:
        upload_id = upload(c, "stored")
    known: list[str] = []
    portion = volumes.FULL
    for start in range(0, stored, portion):
        named = sorted(numbers(chance, min(portion, stored - start)))
        known += chance.sample(named, min(len(named), 10_000))
        with database.transaction(engine) as c:
            shop = volumes.opened(c, "dapu", "template", "shop")
            _declared(c, named, shop, upload_id)
            volumes.count(c, shop, len(named))
        print(f"  stored {start + len(named):,}", flush=True)
    return known


def _declared(c: Connection, named: list[str], shop: int, upload_id: int) -> None:
    """Orders with all that belongs to them, as if they had gone through all steps."""
    ids = counters.draw_many(c, "order", len(named))
    counters.draw_many(c, "list", len(named))
    counters.draw_many(c, "cop_no", len(named))
    told = entries(named).with_columns(id=pl.Series(ids), order_id=pl.Series(ids))
    digest = pl.col("digest").str.head(orders.DIGEST)
    insert(
        c, "orders", told.select("id", "order_no", digest, ordered_at=pl.lit("2026-11-01T00:00:00Z")),
        shop_id=shop, upload_id=upload_id, block=0, status_digest="", cancelled=False,
        proposed_cancellation=False, state="declared", open=False, route="list", codes="", check_id=0,
    )  # fmt: skip
    insert(
        c, "order_entries", told.select("order_id", digest, "rows", "lines", "first_row"),
        upload_id=upload_id, block=0, outcome="current",
    )  # fmt: skip
    number = pl.format("LX{}CN", "order_id")
    insert(
        c, "waybills",
        told.select("order_id", logistics_no=number, export_date=pl.lit("2026-11-01")),
        logistics_code="L", released=0,
    )  # fmt: skip
    listed = pl.format("XB20261101{}", pl.col("order_id").cast(pl.String).str.zfill(10))
    insert(
        c, "lists", told.select("id", "order_id", cop_no=listed, app_type=pl.lit("1")),
        version=1, live=True, state="issued", route="list", check_id=0,
    )  # fmt: skip


def opened(given: argparse.Namespace, folder: Path) -> tuple[Engine, list[str]]:
    """A registry that holds the stored orders, and some numbers of them."""
    kept = Path(given.scratch) / f"claim-{database.HEAD}-{given.stored}.db"
    told = kept.with_suffix(".txt")
    if given.url or not told.exists():
        engine = database.connect(given.url or f"sqlite:///{kept}")
        database.migrate(engine)
        known = fill(engine, given.stored, random.Random(1))
        if given.url:
            return engine, known
        engine.dispose()
        told.write_text("\n".join(known))
    place = folder / "registry.db"
    shutil.copy(kept, place)
    return database.connect(f"sqlite:///{place}"), told.read_text().split()


def measure(given: argparse.Namespace) -> dict[str, list[float]]:
    """CPU µs an order of each step, batch by batch."""
    xborder.prepare_for_blocks()  # as the command does
    Path(given.scratch).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        engine, known = opened(given, Path(folder))
        chance, spent = random.Random(2), Cpu(engine)
        for batch in range(2 * given.batches):
            named = numbers(chance, BATCH - BATCH // KNOWN)
            # At an empty registry the first batch itself gives the known ones.
            again = chance.sample(known, min(len(known), BATCH // KNOWN))
            named += again + numbers(chance, BATCH // KNOWN - len(again))
            known = known or named
            chance.shuffle(named)
            life(engine, f"b{batch}", named, batch % 2 == 1, spent)
        close(engine, spent)
        engine.dispose()
    return spent.spent


def bars(given: argparse.Namespace) -> tuple[list[table.Bar], str]:
    """The bar of the history claim, and what each step of an order's life costs."""
    spent = measure(given)
    rows = ["| step | µs CPU an order | worst |", "|---|---:|---:|"]
    rows += [
        f"| {step} | {statistics.median(costs):.2f} | {max(costs):.2f} |"
        for step, costs in spent.items()
    ]
    once = [statistics.median(costs) for step, costs in spent.items() if step != "enter in blocks"]
    rows.append(f"| together | {sum(once):.2f} | |")
    what = f"the history claim in batches of {BATCH:,} against {given.stored:,} stored keys"
    claimed = statistics.median(spent["claim"]) + spent["close volume"][0]
    held = table.at_most(what, claimed, 10, "µs CPU a key")
    return [held], "\n".join(rows)


def asked(*arguments: str) -> argparse.Namespace:
    """What the command takes."""
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ask.add_argument("--stored", type=int, default=10_000_000)
    ask.add_argument("--batches", type=int, default=4)
    ask.add_argument("--url", default="")
    ask.add_argument("--scratch", default=str(process.SCRATCH))
    return ask.parse_args(arguments)


def main() -> int:
    """Measure and print."""
    held, told = bars(asked(*sys.argv[1:]))
    print(f"{table.machine()}\n\n{table.markdown(held)}\n\n{told}")
    return 0 if all(one.held for one in held) else 1


if __name__ == "__main__":
    sys.exit(main())
