"""Commands that work on a home: ``init``, ``demo``, ``submit``, ``run``, ``up``."""

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from xborder import clock
from xborder.cli import terminal
from xborder.cli.checking import known_kind
from xborder.cli.language import either, told

if TYPE_CHECKING:  # a check of a file must not wait for the registry's libraries
    from xborder.registry.home import Home
    from xborder.schemas.exporters import Exporter

HomeOption = Annotated[Path | None, typer.Option(help="home folder (default: XBORDER_HOME)")]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    for command in (init, demo, submit, run, up):
        app.command()(command)


def opened(home: Path | None, *, profiles: bool = False) -> "Home":
    """The opened home, with ``profiles`` its tables and profiles too; or a clear message, exit 2."""
    from sqlalchemy.exc import OperationalError

    from xborder.registry.database import RegistryTooNewError
    from xborder.registry.home import NoHomeError, open_home

    try:
        place = open_home(home)
        if profiles:
            _ = place.exporters  # read now, to say now what is wrong
        return place
    except OperationalError as error:
        terminal.fail(
            f"{either('登记库无法打开：', 'the registry cannot be opened: ')}{error.orig}"
        )
        raise
    except (NoHomeError, ValueError, RegistryTooNewError) as error:
        terminal.fail(error)
        raise


def exporter_of(place: "Home", exporter: str) -> "Exporter":
    """The profile of an exporter, or a clear message and exit 2."""
    if exporter in place.broken_profiles:
        tell_broken(place, exporter)
        raise typer.Exit(2)
    if exporter not in place.exporters:
        from xborder.registry.home import PATTERN

        known = ", ".join(sorted(place.exporters)) or either("无", "none")
        terminal.fail(
            either(
                f"没有企业 {exporter}；已有：{known}\n"
                f"企业档案应为 exporters/{exporter}.toml；样本：{PATTERN}（xborder init 目录 会补写）",
                f"no exporter {exporter}; known: {known}\n"
                f"its profile would be exporters/{exporter}.toml; to fill in: {PATTERN} "
                "(xborder init FOLDER writes it)",
            )
        )
    return place.exporters[exporter]


def no_shop(shop: str | None, known: str) -> None:
    """Exit 2 for a shop that the exporter's profile does not have."""
    terminal.fail(either(f"没有店铺 {shop}；已有：{known}", f"no shop {shop}; known: {known}"))


def tell_broken(place: "Home", *exporters: str) -> None:
    """Say what is wrong in profiles; the other exporters go on."""
    for one in exporters:
        said = "\n  ".join(map(told, place.broken_profiles[one]))
        terminal.err.print(
            Text(
                f"exporters/{one}.toml: "
                + either(
                    "企业档案有误，其文件等待更正",
                    "the profile has errors; its files wait in the landing zone",
                )
                + f"\n  {said}",
                style="red",
            )
        )


def init(
    home: Annotated[Path, typer.Argument(help="folder to make")] = Path("xborder-home"),
) -> None:
    """Make an empty home folder 新建工作目录."""
    from xborder.registry.home import PATTERN, create, open_home

    create(home)
    open_home(home)
    terminal.out.print(
        Text(
            either(
                f"{home}：exporters/<企业>.toml，landing/<企业>/<店铺>/ ……\n"
                f"1. 填写 {PATTERN}，另存为 exporters/<企业>.toml\n"
                f"2. xborder submit --home {home} --exporter <企业> 文件\n"
                f"3. xborder run --home {home}",
                f"{home}: exporters/<id>.toml, landing/<exporter>/<shop>/ …\n"
                f"1. fill in {PATTERN}, save as exporters/<id>.toml\n"
                f"2. xborder submit --home {home} --exporter <id> FILE\n"
                f"3. xborder run --home {home}",
            )
        )
    )


def demo(
    home: Annotated[Path, typer.Argument(help="folder to make")] = Path("demo-home"),
) -> None:
    """The whole pipeline over the fictional exporters 演示: intake, checks, manifests, stock."""
    from xborder.cli import demonstration

    demonstration.run(home)


def submit(
    files: Annotated[list[Path], typer.Argument(help="files to hand in")],
    exporter: Annotated[str, typer.Option(help="the exporter's id")],
    shop: Annotated[str | None, typer.Option(help="the shop (default: the only one)")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="orders | goods | shipments | prices | stock | receipt (default: recognised)"
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Hand files in 提交文件: they go into the landing zone, atomically."""
    from xborder.registry import landing

    place = opened(home, profiles=True)
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        terminal.fail(f"{either('没有这些文件：', 'no such files: ')}{', '.join(missing)}")
    profile = exporter_of(place, exporter)
    known = ", ".join(one.id for one in profile.shops)
    if shop is not None and profile.shop(shop) is None:
        no_shop(shop, known)
    if kind == "receipt":
        # Customs' answers are no exporter's upload: they lie in the inbox until they are read.
        from xborder.manifests import receiving

        for path in receiving.submit(place.settings, files, exporter):
            terminal.out.print(f"→ {terminal.relative(path)}")
        return
    if kind is not None:
        known_kind(kind)
    if shop is None and len(profile.shops) > 1 and kind not in ("goods", "prices", "stock"):
        terminal.fail(
            either(
                f"请用 --shop 指定店铺：{known}（商品备案和库存不分店铺：--kind goods|stock）",
                f"name the shop with --shop: {known} "
                "(goods and stock files need none with --kind goods|stock)",
            )
        )
    only = profile.shops[0].id if len(profile.shops) == 1 else ""
    known_before = [_known(place, exporter, shop or only, file) for file in files]
    try:
        landed = landing.submit(place.settings, files, exporter, shop or "", kind)
    except ValueError as error:
        terminal.fail(error)
    for path, upload in zip(landed, known_before, strict=True):
        terminal.out.print(f"→ {terminal.relative(path)}")
        if upload is not None:
            terminal.out.print(Text(f"  {terminal.received_before(upload)}", style="cyan"))


def _known(place: "Home", exporter: str, shop: str, file: Path) -> int | None:
    """The upload that took these very bytes in before; a refused one is tried again."""
    from xborder.registry import queries, uploads
    from xborder.registry.database import reading

    with file.open("rb") as source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    with reading(place.engine) as connection:
        found = queries.upload_of(connection, exporter, shop, sha256)
    return None if found is None or found.state == uploads.REFUSED else int(found.id)


def run_home(place: "Home", day: date, *, cutoff: bool) -> None:
    """Run the jobs with a progress line; a failed job ends the command with exit 3."""
    from xborder.assets.running import RunFailedError, run_jobs

    names = {
        "receipts": either("海关回执", "customs' answers"),
        "intake": either("接收与核验", "intake"),
        "clearance": either("截单与清单批次", "clearance"),
        "stock_report": either("海外仓报告", "stock report"),
        "sending": either("发送报文", "sending"),
    }
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=terminal.err,
        transient=True,
    ) as progress:
        task = progress.add_task("…", total=None)
        try:
            run_jobs(
                place.settings.home,
                day,
                cutoff=cutoff,
                progress=lambda name: progress.update(task, description=names[name]),
            )
        except RunFailedError as error:
            terminal.fail(f"{either('运行失败：', 'the run failed: ')}{error}", code=3)


def run(
    date_: Annotated[
        str | None,
        typer.Option(
            "--date",
            help="business day to work under (default: today); what is issued carries this day",
        ),
    ] = None,
    no_cutoff: Annotated[bool, typer.Option("--no-cutoff", help="take in and check only")] = False,
    home: HomeOption = None,
) -> None:
    """Take in what has landed, cut off, issue manifests and the stock report; then exit."""
    from xborder.cli import summary

    day = parse_day(date_) or clock.today()
    if day != clock.today():
        terminal.err.print(
            either(
                f"按 {day} 运行：收进和签发的都记在这一天",
                f"working under {day}: what is taken in and issued carries this day",
            ),
            style="yellow",
        )
    place = opened(home, profiles=True)
    before = summary.last_delivery(place)
    run_home(place, day, cutoff=not no_cutoff)
    summary.show(place, day, before)
    tell_broken(place, *place.broken_profiles)


def parse_day(text: str | None) -> date | None:
    """A day given as ``YYYY-MM-DD``; exit 2 for anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        terminal.fail(f"{text}: {either('日期格式应为', 'write the day as')} YYYY-MM-DD")
        raise


def up(
    home: HomeOption = None,
    page_port: Annotated[int | None, typer.Option(help="port of the page")] = None,
    dagster_port: Annotated[int | None, typer.Option(help="port of the Dagster UI")] = None,
) -> None:
    """Dagster UI, daemon and the page 启动: one command, one Ctrl-C; loopback only."""
    from xborder import settings
    from xborder.cli import demonstration, serving
    from xborder.registry.home import create, make_landing

    try:
        said = settings.load(home)
    except settings.SettingsError as error:
        terminal.fail(error)
    folder = said.home
    ports = (page_port or said.page_port, dagster_port or said.dagster_port)
    serving.refuse_what_cannot_be_served(said.host, *ports)
    if not (folder / "landing").is_dir():
        create(folder)
        known = demonstration.copy_profiles(folder)
        terminal.out.print(
            either(
                f"新工作目录 {terminal.relative(folder)}：{known} 家虚构企业的档案可供试用，"
                "正式使用前请换成自己的（exporters/）",
                f"new home {terminal.relative(folder)}: profiles of {known} fictional exporters to "
                "try it with; put yours in exporters/",
            )
        )
    place = opened(folder, profiles=True)
    tell_broken(place, *place.broken_profiles)
    make_landing(place)
    serving.serve(place, *ports)
