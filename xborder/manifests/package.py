"""A manifest's files: messages, workbooks, ``manifest.json``, ``SHA256SUMS``, and the ZIP of all.

Pure functions of the manifest's rows: the same rows give the same bytes. The ZIP stores its
members uncompressed, with a fixed date and in a fixed order, so that no library's version shows.
"""

import hashlib
import io
import json
import zipfile
from importlib.metadata import version
from typing import Any

import polars as pl

from xborder import __version__
from xborder.clock import SHANGHAI
from xborder.manifests import draft, messages, totals, workbook
from xborder.manifests.batches import Manifest

SUMS = "SHA256SUMS"
INDEX = "manifest.json"
MESSAGES = {"lists": ("CEB303", "CEB603"), "declarations": ("CEB303",)}
"""Kind of a manifest → its messages. Orders first: customs matches a list to its order."""


def written_by() -> str:
    """The programs whose version shows in a manifest's bytes."""
    return f"xborder {__version__}, XlsxWriter {version('xlsxwriter')}"


def build(manifest: Manifest, heads: pl.DataFrame, items: pl.DataFrame) -> dict[str, bytes]:
    """All files of a manifest by name, in the order in which they are listed and zipped.

    ``heads`` and ``items`` hold the lists in the order to write, with what is given at issue
    (``content.issued``). Raises ValueError (see ``messages.render``).
    """
    rendered = [
        message
        for kind in MESSAGES[manifest.kind]
        for message in messages.render(
            kind,
            heads,
            items,
            manifest.transfer,
            number=manifest.number,
            per_message=manifest.lists_per_message,
        )
    ]
    summed = totals.totals(heads, items)
    files = {message.name: message.content for message in rendered}
    files["manifest.xlsx"] = workbook.write(manifest, heads, items, summed)
    if manifest.kind == "declarations":
        files |= draft.write(manifest, heads, items)
    index = _index(manifest, summed, rendered, files)
    text = json.dumps(index, ensure_ascii=False, indent=2, allow_nan=False)
    files[INDEX] = f"{text}\n".encode()
    files[SUMS] = sums(files)
    return files


def _index(
    manifest: Manifest,
    summed: dict[str, Any],
    rendered: list[messages.Message],
    files: dict[str, bytes],
) -> dict[str, Any]:
    zh, en = workbook.KIND_NAMES[manifest.kind]
    told = {
        one.name: {"message": one.kind, "guid": one.guid, "entities": one.entities}
        for one in rendered
    }
    return {
        "number": manifest.number,
        "kind": manifest.kind,
        "kind_zh": zh,
        "kind_en": en,
        "issued_at": manifest.issued_at.astimezone(SHANGHAI).isoformat(),
        "app_status": manifest.app_status,
        "batch": workbook.batch_values(manifest),
        "counts": {
            "lists": summed["lists"],
            "goods_lines": summed["goods_lines"],
            "packages": summed["packages"],
            "messages": len(rendered),
        },
        "gross_weight_kg": summed["gross_weight_kg"],
        "net_weight_kg": summed["net_weight_kg"],
        "totals_by_currency": _named(manifest, summed["by_currency"]),
        "totals_by_heading": _named(manifest, summed["by_heading"]),
        "signature": workbook.SIGNATURE,
        "written_by": written_by(),
        "files": [
            {"name": name, "size": len(data), "sha256": digest(data)} | told.get(name, {})
            for name, data in files.items()
        ],
    }


def _named(manifest: Manifest, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        row | {"currency_name": manifest.name("currency.customs", row["currency"])} for row in rows
    ]


def digest(data: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def sums(files: dict[str, bytes]) -> bytes:
    """``SHA256SUMS`` of some files, as ``sha256sum --check`` reads it."""
    return "".join(f"{digest(data)}  {name}\n" for name, data in files.items()).encode()


def archive(number: str, files: dict[str, bytes]) -> bytes:
    """The ZIP of a manifest's files, in a folder of the manifest's number."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as packed:
        for name, data in files.items():
            member = zipfile.ZipInfo(f"{number}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            packed.writestr(member, data)
    return sink.getvalue()


def unpack(number: str, data: bytes) -> dict[str, bytes]:
    """The files of a manifest's ZIP. Raises ``zipfile.BadZipFile`` for what is none."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {
            one.filename.removeprefix(f"{number}/"): packed.read(one) for one in packed.infolist()
        }
