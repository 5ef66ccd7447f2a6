"""The ``xborder`` command (命令行): thin; every command calls functions of the rooms.

A command's module is imported when the command is asked for: what the others need would cost
a check of a small file as much as reading it.
"""

import atexit
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

import xborder
from xborder.cli.language import choose, either, option

MODULES = {
    "checking": ("check", "template", "findings"),
    "running": ("init", "demo", "submit", "run", "up"),
    "issued": ("stock", "verify", "manifests"),
    "tables": ("tables",),
    "facts": ("facts",),
    "received": ("receive",),
    "fixing": ("fix",),
    "mapping": ("mapping",),
    "postal": ("postal",),
    "tracing": ("trace",),
    "consolidating": ("consolidate",),
    "sending": ("send",),
    "exchange": ("depart", "cancel", "amend", "ignore", "resend", "return"),
}
"""The modules of this room, and the commands that each adds."""

SMALL = 8 * 1024 * 1024
"""Bytes of a file for which a second thread of Polars costs more than it saves."""


class Commands(TyperGroup):
    """The commands by name, each from its module."""

    def __init__(self, **settings: Any) -> None:
        """Know the names; the modules come later."""
        super().__init__(**settings)
        for name in (one for names in MODULES.values() for one in names):
            self.add_command(TyperCommand(name))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a table or a schema that cannot be used ends it with what is wrong."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            # By name: help and a wrong option end here too, and are told without loading Polars.
            kind = type(error).__name__
            if kind not in ("SchemaError", "TableError"):
                raise
            from xborder.cli import terminal

            whose = either("软件自带的模式不可用：", "a schema of the program cannot be used: ")
            terminal.fail(f"{whose}{error}" if kind == "SchemaError" else error)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, its module now imported; None for an unknown name."""
        module = next((one for one, names in MODULES.items() if cmd_name in names), None)
        if module is None:
            return None
        if cmd_name == "check":
            _spare_threads()
        else:
            xborder.prepare_for_blocks()
        # An import makes no garbage, and what it leaves is never garbage.
        gc.disable()
        adding = typer.Typer()
        import_module(f"{__name__}.{module}").add_to(adding)
        group = typer.main.get_group(adding)
        choose(None)
        _with_language(group.commands[cmd_name])
        gc.freeze()
        gc.enable()
        return group.commands[cmd_name]


def _with_language(command: Any) -> None:
    """Give a command, and those below it, the option ``--lang``."""
    said = TyperOption(
        param_decls=["--lang"], help="zh | en (default: the terminal's locale)", metavar="LANG",
        callback=option, expose_value=False, is_eager=True,
    )  # fmt: skip
    command.params.append(said)
    for below in getattr(command, "commands", {}).values():
        _with_language(below)


def _spare_threads() -> None:
    """Have Polars work in one thread where all files that are named are small."""
    if "polars" in sys.modules:
        return
    named = (Path(one) for one in sys.argv[1:])
    if not any(one.is_file() and one.stat().st_size > SMALL for one in named):
        os.environ.setdefault("POLARS_MAX_THREADS", "1")


app = typer.Typer(
    name="xborder",
    cls=Commands,
    help="Cross-border e-commerce declarations 跨境电商申报: order files in; checked lists, "
    "manifests and stock reports out.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _of_all() -> None:
    """Makes a group of the app although no command is registered yet."""


def main() -> None:
    """The command as a process of its own.

    Once a check has said what it found, its process just ends: it holds nothing, and to take
    apart, object by object, what was loaded would only take time.
    """
    try:
        app()
    except SystemExit as ended:
        if sys.argv[1:2] != ["check"] or not isinstance(ended.code, int):
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)


__all__ = ["app", "main"]
