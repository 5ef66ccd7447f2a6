"""Commands that show and fetch what was issued: ``manifests``, ``stock``, ``verify``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from xborder import clock
from xborder.cli import terminal
from xborder.cli.language import either, told
from xborder.cli.running import HomeOption, opened, parse_day

manifests_app = typer.Typer(
    help="清单批次 manifests: list them, fetch one", invoke_without_command=True
)

AsJson = Annotated[bool, typer.Option("--json", help="documented JSON instead of tables")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(manifests_app, name="manifests")
    app.command()(stock)
    app.command()(verify)


@manifests_app.callback()
def manifests(
    context: typer.Context,
    date_: Annotated[str | None, typer.Option("--date", help="day of the cut-off")] = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """List the manifests that were issued, and how far their lists are at customs."""
    context.obj = home
    if context.invoked_subcommand:
        return
    from xborder.cli.summary import show_manifests
    from xborder.registry import manifest_states, queries
    from xborder.registry.customs_states import Rules
    from xborder.registry.database import reading

    place = opened(home)
    rules = Rules(place.tables)
    with reading(place.engine) as connection:
        rows = queries.manifests(connection, parse_day(date_))
        counts = manifest_states.counts(connection, rules, [row["id"] for row in rows])
    for row in rows:
        customs = counts[row["id"]]
        row |= {"customs_state": rules.of_manifest(customs), "customs": customs}
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2, default=str))
        return
    show_manifests(rows, terminal.language() == "zh", rules)


@manifests_app.command("show")
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="the manifest's number")],
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Show a manifest's lists 清单状态: each with its state at customs, invtNo and time."""
    from xborder.cli.summary import show_lists
    from xborder.registry import manifest_states, queries
    from xborder.registry.customs_states import Rules
    from xborder.registry.database import reading

    place = opened(home or context.obj)
    rules = Rules(place.tables)
    with reading(place.engine) as connection:
        row = queries.manifest(connection, number)
        if row is None:
            terminal.fail(f"{either('没有批次', 'no manifest')} {number}")
            raise AssertionError
        customs = manifest_states.counts(connection, rules, [row["id"]])[row["id"]]
        lists = manifest_states.lists_of(connection, rules, row["id"])
    if as_json:
        named = {name: row[name] for name in ("number", "kind", "exporter", "customs_code")}
        told = named | {"customs_state": rules.of_manifest(customs), "customs": customs}
        typer.echo(json.dumps(told | {"lists": lists}, ensure_ascii=False, indent=2, default=str))
        return
    show_lists(row, customs, lists, rules, terminal.language() == "zh")


@manifests_app.command("get")
def get(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="the manifest's number")],
    to: Annotated[Path, typer.Option(help="folder to put the ZIP into")] = Path(),
    home: HomeOption = None,
) -> None:
    """Fetch a manifest's ZIP, after checking it against its checksum."""
    from xborder.manifests import cutoff

    place = opened(home or context.obj)
    try:
        path = cutoff.fetch(place.engine, place.store, number, to)
    except (cutoff.FetchError, OSError) as error:
        terminal.fail(error)
    terminal.out.print(str(path))


@manifests_app.command("print")
def print_(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="the manifest's number")],
    to: Annotated[Path, typer.Option(help="folder to put the documents into")] = Path(),
    home: HomeOption = None,
) -> None:
    """Make the liaison's documents 打印件: the printable sheet (PDF), and of lists the import workbook."""
    from xborder.manifests import content, documents
    from xborder.registry import queries
    from xborder.registry.database import reading

    place = opened(home or context.obj)
    with reading(place.engine) as connection:
        row = queries.manifest(connection, number)
    if row is None:
        terminal.fail(f"{either('没有批次', 'no manifest')} {number}")
        return
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name in documents.names(row["kind"]):
            path = to / f"{number}.{name}"
            path.write_bytes(documents.render(place.engine, place.store, number, name))
            terminal.out.print(str(path))
    except documents.NotIssuedError:
        terminal.fail(f"{either('批次正在制作：', 'the manifest is being made: ')}{number}")
    except (content.ContentError, OSError) as error:
        terminal.fail(error)


def stock(
    as_json: AsJson = False,
    date_: Annotated[str | None, typer.Option("--date", help="day of the report")] = None,
    home: HomeOption = None,
) -> None:
    """Show the overseas stock report 海外仓库存."""
    from xborder.cli.summary import show_stock
    from xborder.registry.database import reading
    from xborder.stock import book

    place = opened(home)
    day = parse_day(date_) or clock.today()
    with reading(place.engine) as connection:
        report = book.build(connection, place.store, day, place.exporter_names)
    if as_json:
        said = {name: frame.to_dicts() for name, frame in report.frames().items()}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=2, default=terminal.plain))
        return
    show_stock(report, terminal.language() == "zh")


def verify(
    home: HomeOption = None,
    xsd: Annotated[
        Path | None, typer.Option(help="official XSD of the export messages: check all against it")
    ] = None,
) -> None:
    """Check every manifest, every count and the audit log against the registry 核对.

    Exit 0 when all agrees, 1 when something does not (each told on a line).
    """
    from rich.progress import Progress

    from xborder.manifests import conformance, cutoff, receiving
    from xborder.manifests.consolidation import application
    from xborder.registry import annotations, audit, originals, postal, queries, standings
    from xborder.registry.customs_states import Rules
    from xborder.registry.database import reading
    from xborder.schemas import TableError

    place = opened(home)
    problems: list[str] = []
    try:
        rules = Rules(place.tables)
    except TableError as error:
        problems.append(told(error))
        rules = None
    with reading(place.engine) as connection:
        problems += [
            f"document {one}: it does not stand where customs' answers put it"
            for one in (standings.inconsistent(connection, rules) if rules else ())
        ]
        issued = queries.manifests(connection)
        problems += [
            f"upload {one}: counts do not add up"
            for one in queries.uploads_that_do_not_add_up(connection)
        ]
        problems += [
            f"order {one}: on two live lists" for one in queries.orders_on_two_lists(connection)
        ]
        broken = audit.verify(connection)
        kept = [
            (row, originals.state(connection, place.settings, row.sha256))
            for row in queries.uploads(connection)
        ]
    for row, state in kept:
        if state == "missing":
            problems.append(f"upload {row.id}: its original is missing")
        elif state == "kept" and not originals.intact(place.settings, row.sha256):
            problems.append(f"upload {row.id}: its original is damaged")
    problems += receiving.problems(place) + application.problems(place)
    copies, wrong = annotations.problems(place.engine, place.settings)
    problems += wrong + postal.problems(place.settings)
    expired = sum(state == "expired" for _, state in kept)
    if broken is not None:
        problems.append(f"audit log: the chain breaks at entry {broken}")
    with Progress(console=terminal.err, transient=True) as shown:
        task = shown.add_task(either("批次", "manifests"), total=None)

        def so_far(done: int, of: int) -> None:
            shown.update(task, completed=done, total=of)

        problems += [str(one) for one in cutoff.verify(place.engine, place.store, progress=so_far)]
        if xsd is not None:
            try:
                found = conformance.conform(place.engine, place.store, xsd, so_far)
                problems += [str(one) for one in found]
            except conformance.SchemaFileError as error:
                terminal.fail(error)
    for problem in problems:
        terminal.out.print(problem, style="red")
    if problems:
        raise typer.Exit(1)
    terminal.out.print(
        either(
            f"{len(issued)} 批次、{len(kept)} 原件、{copies} 批注件、所有计数与登记一致",
            f"{len(issued)} manifests, {len(kept)} originals, {copies} annotated copies and all "
            "counts agree",
        )
        + (f"; {expired} {either('原件已到期删除', 'originals expired')}" if expired else ""),
        style="green",
    )
