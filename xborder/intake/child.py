"""The reader's own process: limits first, then one file from a descriptor, an answer by pipe.

Started by ``reading`` as an isolated interpreter. Its answer is one JSON object (with the
lengths of what follows), then records, rows and findings as Arrow IPC. It opens no file of
the user's by name, needs no network, and may die: the parent turns that into a finding.
"""

import gc
import json
import os
import resource
import sys
from typing import Any, BinaryIO


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bind this process: address space, CPU, no files written, few descriptors, no core."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def main(order: str) -> None:
    """Read the file that ``order`` (JSON) names by descriptor and write the answer.

    Exits 3 when memory does not suffice; every other failure is our own and ends in a
    traceback, which the parent does not show to users.
    """
    asked = json.loads(order)
    limit(asked["limits"]["memory_bytes"], asked["limits"]["cpu_seconds"])
    # A wrong format in the file must not become a write elsewhere: the answer has a
    # descriptor of its own, and whatever a library prints goes to stderr.
    answer = os.fdopen(os.dup(1), "wb")
    # The process lives for one file: collecting garbage would only walk over its cells.
    gc.disable()
    os.dup2(2, 1)
    try:
        _answer(asked, answer)
    except MemoryError:
        os._exit(3)
    answer.close()


def _answer(asked: dict[str, Any], answer: BinaryIO) -> None:
    import io

    from xborder import findings
    from xborder.intake.limits import Limits
    from xborder.intake.lines import Circumstances
    from xborder.intake.parse import parse

    with os.fdopen(asked["fd"], "rb") as source:
        source.seek(0)
        data = source.read()
    parsed = parse(
        data,
        asked["file_name"],
        kind=asked["kind"],
        shop_channel=asked["shop_channel"],
        around=Circumstances(asked["zone"], asked["currency"], asked["limits"]["findings"]),
        limits=Limits(**asked["limits"]),
    )
    frames = []
    for frame in (parsed.records, parsed.rows, findings.to_frame(parsed.findings)):
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer)
        frames.append(buffer.getvalue())
    head = {
        "kind": parsed.kind,
        "layout": parsed.layout,
        "channel": parsed.channel,
        "columns": parsed.columns,
        "order_fields": parsed.order_fields,
        "encoding": parsed.encoding,
        "lengths": [len(part) for part in frames],
    }
    written = json.dumps(head).encode()
    answer.write(len(written).to_bytes(8, "big"))
    answer.write(written)
    for part in frames:
        answer.write(part)


if __name__ == "__main__":
    main(sys.argv[1])
