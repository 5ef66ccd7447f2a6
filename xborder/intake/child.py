"""The reader's own process: limits first, then one file from a descriptor, an answer by pipe.

``nurse`` is the warm interpreter's loop (see ``nursery``): it forks a reader for each order. A
reader's answer is a row of messages, a JSON object (with the number of pieces that follow) and
tables as Arrow IPC: records, rows and findings of each block, then the head. It opens no file
of the user's by name, needs no network, and may die: the parent turns that into a finding.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import socket
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    import polars as pl

MESSAGE = 160 * 1024
"""Bytes of an order at most: an exporter's mappings go with it."""

TWIN = b"twin"
"""In place of an order, with one descriptor: fork, and serve that line as well."""


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bind this process: address space, CPU, no files written, few descriptors, no core."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def warm() -> None:
    """Have what every reader needs. Nothing of Polars runs here: its threads would not survive
    a fork."""
    import xborder.findings
    import xborder.intake.lines
    import xborder.intake.parse
    from xborder.intake import grid, headers, layouts

    xborder.findings.catalogue()
    headers.recognise([grid.Row(1, ["header"])], layouts.all_layouts())


def nurse(descriptor: int) -> None:
    """A new interpreter's whole life: warm, then serve."""
    warm()
    gc.collect()
    serve(descriptor)


def serve(descriptor: int) -> None:
    """Fork a reader for every order until the line is closed.

    An order is one message: JSON, with the descriptors of the file, the answer and the errors.
    The reader's number goes back; once the other side says so, the reader is reaped and its
    exit status goes back. A twin is reaped at the end.
    """
    gc.freeze()
    line = socket.socket(fileno=descriptor)
    twins: list[int] = []
    while True:
        order, handles, _, _ = socket.recv_fds(line, MESSAGE, 3)
        if not order:
            for twin in twins:
                os.waitpid(twin, 0)
            return
        if order == TWIN:
            twin = os.fork()
            if twin:
                twins.append(twin)
                os.close(handles[0])
            else:
                line.close()
                line, twins = socket.socket(fileno=handles[0]), []
            continue
        reader = os.fork()
        if not reader:
            line.close()
            _become_reader(order.decode(), *handles)
        for handle in handles:
            os.close(handle)
        with contextlib.suppress(OSError):
            os.setpgid(reader, reader)
        line.send(str(reader).encode())
        if not line.recv(16):
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)
            return
        status = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
        line.send(str(status).encode())


def _become_reader(order: str, source: int, answer: int, errors: int) -> NoReturn:
    """The forked process: its own group, its own descriptors, one file, and out."""
    status = 1
    try:
        os.setpgid(0, 0)
        # A wrong format in the file must not become a write elsewhere: whatever a library
        # prints goes to the errors.
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        main(order, source, answer)
        status = 0
    except MemoryError:
        status = 3
    except BaseException:
        import traceback

        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode("utf-8", "replace")[-4096:])
    finally:
        os._exit(status)


def main(order: str, source: int, answer: int) -> None:
    """Read the file of a descriptor as ``order`` (JSON) asks, and write the answer.

    Raises MemoryError when memory does not suffice; every other failure is our own.
    """
    asked = json.loads(order)
    limit(asked["limits"]["memory_bytes"], asked["cpu_seconds"])
    # The process lives for one file: collecting garbage would only walk over its cells.
    gc.disable()
    with os.fdopen(answer, "wb") as out:
        _answer(asked, source, out)


def _answer(asked: dict[str, Any], source: int, answer: BinaryIO) -> None:
    from xborder import findings
    from xborder.intake.layouts import mappings
    from xborder.intake.limits import Limits
    from xborder.intake.lines import Circumstances, SheetLines
    from xborder.intake.parse import Asked, Parsed, parse_blocks

    limits = Limits(**asked["limits"])
    with os.fdopen(source, "rb", buffering=0) as file:
        file.seek(0)
        if asked.get("plain"):
            from xborder.intake.plain import parse_plain

            cells, told = parse_plain(file.read(), limits, asked["heads"])
            _write(answer, {}, cells, findings.to_frame(told))
            return

        if asked.get("postal"):
            from xborder.intake import postal

            encoding = asked["encoding"]
            postal.parse(
                file,
                asked["postal"],
                encoding,
                limits,
                lambda rows: _write(answer, {}, rows),
                asked["mappings"],
            )
            return

        def send(parsed: Parsed, block: SheetLines) -> None:
            copy_of = parsed.copy.sha256 if parsed.copy else ""
            whose = {"kind": parsed.kind, "layout": parsed.layout, "copy_of": copy_of}
            told = findings.to_frame(block.findings)
            _write(answer, whose, _said(block.records), _said(block.rows), told)

        around = Circumstances(asked["zone"], asked["currency"], limits.findings)
        own = mappings(asked["mappings"])
        parsed = parse_blocks(
            file,
            Asked(
                asked["kind"],
                asked["shop_channel"],
                around,
                limits,
                own,
                fresh=asked["fresh"],
                said=asked["said"],
            ),
            send,
        )
    head = {
        "kind": parsed.kind,
        "layout": parsed.layout,
        "channel": parsed.channel,
        "columns": parsed.columns,
        "order_fields": parsed.order_fields,
        "encoding": parsed.encoding,
        "proposal": parsed.proposal,
        "partner": parsed.partner,
    }
    _write(answer, head, findings.to_frame(parsed.findings))


def _said(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The frame without columns that say nothing; ``reading`` puts them back."""
    return frame.select(
        one
        for one in frame
        if one.name == "row"
        or (one.null_count() < len(one) and (one.name != "sheet" or (one != "").any()))
    )


STEP = 8192
"""Rows of a table that are written at a time: what a reader may hold has a limit."""


def _write(answer: BinaryIO, head: dict[str, Any], *frames: "pl.DataFrame") -> None:
    """One message: what it says as JSON with how many pieces each table has, then these."""
    tables = [list(frame.iter_slices(STEP)) or [frame] for frame in frames]
    written = json.dumps(head | {"tables": [len(pieces) for pieces in tables]}).encode()
    answer.write(len(written).to_bytes(8, "big"))
    answer.write(written)
    answer.flush()
    for pieces in tables:
        for piece in pieces:
            # As it is: to compress and to expand takes longer than the pipe, to which Polars
            # writes by itself.
            piece.write_ipc_stream(answer, compression="uncompressed")
