"""The whole job over generated files, as one process: land, read, check, claim, issue.

    python bench/job.py DATA HOME

Started by ``bench_pipeline.py`` (which reads the stages) with the clock fixed. Workbooks and
ZIP are left out: the floor has none, and both are measured where they are made.
"""

import sys
from datetime import date
from pathlib import Path

from bench.process import stage, tell

DATA, HOME = Path(sys.argv[1]), Path(sys.argv[2])


def leave_out_workbooks() -> None:
    """Issue messages, index and sums only."""
    from xborder.manifests import package

    package.documents_of = lambda group, _: [{} for _ in group.manifests]
    package.archive = lambda *_: b""


with stage("start"):
    import xborder

    xborder.prepare_for_blocks()  # as the command does

    from bench import generate
    from xborder.manifests import cutoff
    from xborder.registry import checkings, home, landing, lists, readings
    from xborder.registry.database import transaction

    leave_out_workbooks()
    home.create(HOME)
    (HOME / "exporters" / f"{generate.EXPORTER}.toml").write_bytes(
        (DATA / "profile.toml").read_bytes()
    )
    at = home.open_home(HOME)
    day = date.fromisoformat(generate.DAY)
    shop = at.settings.landing / generate.EXPORTER / generate.SHOP
    shop.mkdir(parents=True)

with stage("land"):
    # Linked, not copied: the files lie there before the job begins.
    for name in ("goods", "orders", "shipments"):
        (shop / f"{name}.csv").hardlink_to(DATA / f"{name}.csv")
    landing.take_in(at.engine, at.settings, at.exporters, day=day)

with stage("read"):
    readings.read_uploads(at.engine, at.store, at.settings, at.exporters, at.tables)

with stage("check"):
    done = checkings.check_open_orders(
        at.engine, at.store, at.settings, at.exporters, at.tables, day
    )

with stage("claim"), transaction(at.engine, proven=True) as connection:
    claimed = lists.claim(connection)

with stage("issue"):
    issued = cutoff.issue(at.engine, at.store, at.settings, day)

tell(
    accepted=sum(one.accepted for one in done),
    held=sum(one.held for one in done),
    claimed=claimed,
    manifests=len(issued),
    lists=sum(one.lists for one in issued),
)
