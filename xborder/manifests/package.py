"""A manifest's files: messages, workbooks, ``manifest.json``, ``SHA256SUMS``, and the ZIP of all.

Pure functions of the manifest's rows: the same rows give the same bytes. The ZIP stores its
members uncompressed, with a fixed date and in a fixed order, so that no library's version shows.
"""

import hashlib
import io
import json
import zipfile
from functools import cache
from importlib.metadata import version
from typing import IO, Any

from xborder import __version__
from xborder.clock import SHANGHAI
from xborder.manifests import draft, messages, totals, workbook
from xborder.manifests.batches import Manifest
from xborder.manifests.group import Group

SUMS = "SHA256SUMS"
INDEX = "manifest.json"
MESSAGES = {"lists": ("CEB303", "CEB603"), "declarations": ("CEB303",)}
"""Kind of a manifest → its messages. Orders first: customs matches a list to its order."""

Files = dict[str, bytes | memoryview]
"""Files by name; messages are parts of what was written in one pass."""


@cache
def written_by() -> str:
    """The programs whose version shows in a manifest's bytes."""
    return f"xborder {__version__}, XlsxWriter {version('xlsxwriter')}"


def build(group: Group) -> list[Files]:
    """All files of each manifest by name, in the order in which they are listed and zipped.

    Made of ``messages_of`` (what customs reads) and ``documents_of`` (the workbooks that people
    read), which can be called by themselves; index and checksums are made of both. Raises
    ValueError (see ``messages.render``).
    """
    summed = totals.totals(group)
    rendered, documents = messages_of(group), documents_of(group, summed)
    return [
        _sealed(one, told, written, files)
        for one, told, written, files in zip(
            group.manifests, summed, rendered, documents, strict=True
        )
    ]


def messages_of(group: Group) -> list[list[messages.Message]]:
    """The messages of each manifest: CEB303 of all its lists, then CEB603 where it has them."""
    wanted = {kind for one in group.manifests for kind in MESSAGES[one.kind]}
    made = {kind: messages.render(kind, group) for kind in sorted(wanted)}
    return [
        [message for kind in MESSAGES[one.kind] for message in made[kind][number]]
        for number, one in enumerate(group.manifests)
    ]


def documents_of(group: Group, summed: list[dict[str, Any]]) -> list[dict[str, bytes]]:
    """The workbooks of each manifest by name; ``summed`` are its ``totals``."""
    books = workbook.write(group, summed)
    made: list[dict[str, bytes]] = []
    for (one, lists, lines), book in zip(group.spans(), books, strict=True):
        made.append({"manifest.xlsx": book})
        if one.kind == "declarations":
            made[-1] |= draft.write(one, group.heads.frame[lists], group.items.frame[lines])
    return made


def _sealed(
    manifest: Manifest,
    summed: dict[str, Any],
    rendered: list[messages.Message],
    documents: dict[str, bytes],
) -> Files:
    """All files of a manifest, with its index and the checksums; each is summed once."""
    files: Files = {message.name: message.letters for message in rendered}
    files |= documents
    digests = {name: digest(data) for name, data in files.items()}
    index = _index(manifest, summed, rendered, files, digests)
    text = json.dumps(index, ensure_ascii=False, indent=2, allow_nan=False)
    files[INDEX] = f"{text}\n".encode()
    digests[INDEX] = digest(files[INDEX])
    files[SUMS] = "".join(f"{one}  {name}\n" for name, one in digests.items()).encode()
    return files


def _index(
    manifest: Manifest,
    summed: dict[str, Any],
    rendered: list[messages.Message],
    files: Files,
    digests: dict[str, str],
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
            {"name": name, "size": len(data), "sha256": digests[name]} | told.get(name, {})
            for name, data in files.items()
        ],
    }


def _named(manifest: Manifest, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        row | {"currency_name": manifest.name("currency.customs", row["currency"])} for row in rows
    ]


def digest(data: bytes | memoryview) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def archive(number: str, files: Files, sink: IO[bytes]) -> None:
    """Write the ZIP of a manifest's files, in a folder of the manifest's number."""
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as packed:
        for name, data in files.items():
            member = zipfile.ZipInfo(f"{number}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            packed.writestr(member, data)


def unpack(number: str, data: bytes) -> dict[str, bytes]:
    """The files of a manifest's ZIP. Raises ``zipfile.BadZipFile`` for what is none."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {
            one.filename.removeprefix(f"{number}/"): packed.read(one) for one in packed.infolist()
        }
