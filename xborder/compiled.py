"""What the package's own files say, worked out once (编译缓存), as Python does with its modules.

Reading all layouts, findings and schemas takes longer than checking a small file. What was worked
out is kept beside Python's compiled modules, under the hash of the texts; where nothing can be
written there, it is worked out each time.
"""

import contextlib
import hashlib
import importlib.util
import marshal
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


def toml(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Name → what the TOML file of that name in a folder says; the caller owns the answer.

    Raises OSError and ``tomllib.TOMLDecodeError``.
    """
    texts = {name: (folder / name).read_bytes() for name in names}
    return kept(
        folder, texts, lambda: {name: tomllib.loads(one.decode()) for name, one in texts.items()}
    )


def kept(
    folder: Path, texts: Mapping[str, bytes], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What ``make`` makes of a folder's texts; the caller owns the answer.

    ``texts`` must hold all on which the answer depends. What ``make`` raises goes through.
    """
    digest = hashlib.sha256(repr(texts).encode()).digest()
    source = folder / f"{folder.name}.py"
    place = Path(importlib.util.cache_from_source(str(source))).with_suffix(".marshal")
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        written = place.read_bytes()
        if written.startswith(digest):
            return dict(marshal.loads(written[len(digest) :]))  # noqa: S302 - as trusted as a .pyc
    made = make()
    if not sys.dont_write_bytecode:
        _keep(place, digest, made)
    return made


def _keep(place: Path, digest: bytes, made: dict[str, Any]) -> None:
    """Write what was worked out, whole or not at all."""
    beside = place.with_suffix(f".{os.getpid()}")
    # A date cannot be marshalled: such a file is read each time.
    with contextlib.suppress(OSError, ValueError):
        written = digest + marshal.dumps(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(written)
        beside.replace(place)
