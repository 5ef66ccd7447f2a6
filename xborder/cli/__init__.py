"""The ``xborder`` command (命令行): thin; every command calls functions of the rooms."""

import typer

import xborder.cli.checking as checking
import xborder.cli.facts as facts
import xborder.cli.fixing as fixing
import xborder.cli.issued as issued
import xborder.cli.running as running
import xborder.cli.tables as tables

app = typer.Typer(
    name="xborder",
    help="Cross-border e-commerce declarations 跨境电商申报: order files in; checked lists, "
    "manifests and stock reports out.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
checking.add_to(app)
running.add_to(app)
issued.add_to(app)
tables.add_to(app)
facts.add_to(app)
fixing.add_to(app)

__all__ = ["app"]
