"""The package's own TOML files, parsed once (编译缓存), as Python does with its modules.

Reading all layouts and findings takes longer than checking a small file. What was parsed is
kept beside Python's compiled modules, under the hash of the texts; where nothing can be
written there, the texts are parsed each time.
"""

import contextlib
import hashlib
import importlib.util
import marshal
import os
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def toml(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Name → what the TOML file of that name in a folder says; the caller owns the answer.

    Raises OSError and ``tomllib.TOMLDecodeError``.
    """
    texts = {name: (folder / name).read_bytes() for name in names}
    digest = hashlib.sha256(repr(texts).encode()).digest()
    source = folder / f"{folder.name}.py"
    place = Path(importlib.util.cache_from_source(str(source))).with_suffix(".marshal")
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        kept = place.read_bytes()
        if kept.startswith(digest):
            return dict(marshal.loads(kept[len(digest) :]))  # noqa: S302 - as trusted as a .pyc
    parsed = {name: tomllib.loads(text.decode()) for name, text in texts.items()}
    if not sys.dont_write_bytecode:
        _keep(place, digest, parsed)
    return parsed


def _keep(place: Path, digest: bytes, parsed: dict[str, Any]) -> None:
    """Write what was parsed, whole or not at all."""
    beside = place.with_suffix(f".{os.getpid()}")
    # A date cannot be marshalled: such a file is parsed each time.
    with contextlib.suppress(OSError, ValueError):
        written = digest + marshal.dumps(parsed)
        place.parent.mkdir(exist_ok=True)
        beside.write_bytes(written)
        beside.replace(place)
