"""What a file is, before any library opens it (预检).

The type comes from the first bytes, never from the name. An XLSX is taken apart by hand:
one end record at the very end, no zip64, names unique under casefold, local names equal to
the directory's, members inflated as a stream with a cap (declared sizes lie), CRC compared,
no DOCTYPE, no macros, nothing that points out of the file. What comes back are the plain bytes
of the members, so the same bytes that were checked are the ones that are read.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from xml.parsers import expat

from xborder.intake.limits import Limits, refuse

END, DIRECTORY, LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
DESCRIPTOR = 24
WORKBOOK = "xl/workbook.xml"
FORBIDDEN_PARTS = ("/activex/", "/embeddings/", "/ctrlprops/", "/macrosheets/", "/dialogsheets/")
JSON = re.compile(rb"\{|\[\s*(?:\{|\]?\s*$)")
OTHER_TYPES = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "RAR"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
    (b"{\\rtf", "RTF"),
    (b"MZ", "Windows program"),
    (b"\x7fELF", "program"),
)


@dataclass(frozen=True)
class Member:
    """One entry of a ZIP's directory."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def file_type(data: bytes) -> str:
    """``xlsx``, ``xls``, ``json`` or ``text``; everything else is refused.

    Raises Refused: FILE_EMPTY, FILE_PASSWORD_PROTECTED, FILE_TYPE_NOT_ACCEPTED, NUL_BYTES.
    """
    if not data.strip(b"\xef\xbb\xbf\xfe\xff \t\r\n\0"):
        refuse("NUL_BYTES" if data.count(b"\0") > 2 else "FILE_EMPTY", offset=0)
    if data.startswith(OLE):
        # An encrypted XLSX is an OLE container with these two streams (MS-OFFCRYPTO 2.3).
        if "EncryptedPackage".encode("utf-16-le") in data:
            refuse("FILE_PASSWORD_PROTECTED")
        if b"W\0o\0r\0k\0b\0o\0o\0k\0" not in data and b"B\0o\0o\0k\0" not in data:
            refuse("FILE_TYPE_NOT_ACCEPTED", value="OLE (doc, msg, …)")
        return "xls"
    if data.startswith(b"PK"):
        return "xlsx"
    for magic, name in OTHER_TYPES:
        if data.startswith(magic):
            refuse("FILE_TYPE_NOT_ACCEPTED", value=name)
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        refuse("FILE_TYPE_NOT_ACCEPTED", value="HTML / XML")
    return "json" if JSON.match(head) else "text"


def unpack(data: bytes, limits: Limits) -> dict[str, bytes]:
    """Members of an XLSX by name, each checked and inflated within the limits.

    Raises Refused: FILE_DAMAGED, FILE_UNSAFE, FILE_EXPANDS_TOO_MUCH, FILE_TYPE_NOT_ACCEPTED,
    FILE_PASSWORD_PROTECTED.
    """
    members = _directory(data, limits)
    _check_names(members)
    unpacked = _contents(data, members, limits)
    _check_parts(unpacked)
    return unpacked


def enclosed(data: bytes, limits: Limits) -> bytes | None:
    """The one file that a ZIP holds beside what systems add; None for a workbook or any other.

    Raises Refused as ``unpack``.
    """
    members = _directory(data, limits)
    _check_paths(members)
    files = [
        one.name
        for one in members
        if not one.name.endswith("/") and not one.name.startswith("__MACOSX/")
    ]
    if len(files) != 1 or "/" in files[0] or files[0].startswith("."):
        return None
    return _contents(data, members, limits)[files[0]]


def _contents(data: bytes, members: list[Member], limits: Limits) -> dict[str, bytes]:
    """Members by name, inflated; they must lie one after the other."""
    unpacked: dict[str, bytes] = {}
    room = limits.unpacked_bytes
    end_of_last, streamed = 0, False
    for member in sorted(members, key=lambda one: one.offset):
        start = _data_start(data, member)
        # Only the descriptor that streaming writers put after a member may stand between two.
        if not 0 <= member.offset - end_of_last <= (DESCRIPTOR if streamed else 0):
            refuse("FILE_UNSAFE", reason="members overlap, or hidden data between them")
        streamed = bool(member.flags & 8)
        end_of_last = start + member.packed
        if member.name.endswith("/"):
            continue
        content = _inflate(data[start:end_of_last], member, min(room, limits.member_bytes))
        room -= len(content)
        unpacked[member.name] = content
    return unpacked


def _directory(data: bytes, limits: Limits) -> list[Member]:
    """The central directory, which must lie right before the one end record."""
    if len(data) < 22 or not data.startswith(LOCAL):
        refuse("FILE_DAMAGED", reason="no ZIP start")
    at = data.rfind(END)
    if at < 0 or at + 22 > len(data):
        refuse("FILE_DAMAGED", reason="ZIP end record missing: the file is cut off")
    disk, first, here, count, size, offset, comment = struct.unpack(
        "<4H2LH", data[at + 4 : at + 22]
    )
    if at + 22 + comment != len(data) or data.count(END, min(offset, at)) != 1:
        refuse("FILE_UNSAFE", reason="more than one end record, or data after it")
    if (
        0xFFFF in (disk, here, count)
        or 0xFFFFFFFF in (size, offset)
        or data[:at].endswith(b"PK\x06\x07")
    ):
        refuse("FILE_UNSAFE", reason="zip64")
    if disk or first or here != count or offset + size != at:
        refuse("FILE_DAMAGED", reason="ZIP directory is not where it should be")
    if count > limits.members:
        refuse("FILE_UNSAFE", reason=f"{count} members")
    members = []
    position = offset
    for _ in range(count):
        if data[position : position + 4] != DIRECTORY or position + 46 > at:
            refuse("FILE_DAMAGED", reason="ZIP directory")
        field = struct.unpack("<6H3L5H2L", data[position + 4 : position + 46])
        flags, method, crc, packed, unpacked = field[2], field[3], field[6], field[7], field[8]
        name_length, extra, remark, offset_of = field[9], field[10], field[11], field[15]
        raw = data[position + 46 : position + 46 + name_length]
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        members.append(Member(name, flags, method, crc, packed, unpacked, offset_of))
        position += 46 + name_length + extra + remark
    if position != at:
        refuse("FILE_DAMAGED", reason="ZIP directory")
    return members


def _check_paths(members: list[Member]) -> None:
    """Names that are safe, and unique even for a reader that ignores case."""
    names = [member.name for member in members]
    if len({name.casefold() for name in names}) != len(names):
        refuse("FILE_UNSAFE", reason="two members of one name")
    for name in names:
        if "\\" in name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
            refuse("FILE_UNSAFE", reason="member name with a path out")


def _check_names(members: list[Member]) -> None:
    """Names of a workbook's parts, and of no other kind of archive's."""
    _check_paths(members)
    names = [member.name for member in members]
    lower = {name.casefold() for name in names}
    if "mimetype" in lower and "content.xml" in lower:
        refuse("FILE_TYPE_NOT_ACCEPTED", value="ODS")
    if "xl/workbook.bin" in lower:
        refuse("FILE_TYPE_NOT_ACCEPTED", value="XLSB")
    if "[content_types].xml" not in lower or WORKBOOK not in names:
        kind = "DOCX / PPTX" if "[content_types].xml" in lower else "ZIP"
        refuse("FILE_TYPE_NOT_ACCEPTED", value=kind)
    for name in lower:
        if name.endswith("vbaproject.bin"):
            refuse("FILE_TYPE_NOT_ACCEPTED", value="XLSM")
        if any(part in f"/{name}" for part in FORBIDDEN_PARTS):
            refuse("FILE_UNSAFE", reason="macros, controls, embedded or linked files")


def _data_start(data: bytes, member: Member) -> int:
    """Where a member's bytes begin; its local head must agree with the directory."""
    head = data[member.offset : member.offset + 30]
    if len(head) < 30 or not head.startswith(LOCAL):
        refuse("FILE_DAMAGED", reason="ZIP local head")
    field = struct.unpack("<5H3L2H", head[4:])
    flags, method, name_length, extra = field[1], field[2], field[8], field[9]
    if (flags | member.flags) & 0x41:
        refuse("FILE_PASSWORD_PROTECTED")
    name_start = member.offset + 30
    raw = data[name_start : name_start + name_length]
    if raw.decode("utf-8" if flags & 0x800 else "cp437", "replace") != member.name:
        refuse("FILE_UNSAFE", reason="local name differs from the directory")
    if method != member.method or method not in (0, 8):
        refuse("FILE_UNSAFE", reason=f"compression method {method}")
    return name_start + name_length + extra


def _inflate(packed: bytes, member: Member, room: int) -> bytes:
    """A member's content, never more than ``room`` bytes, whatever its head declares."""
    if len(packed) != member.packed:
        refuse("FILE_DAMAGED", reason="cut off")
    if member.method == 0:
        content = packed
    else:
        engine = zlib.decompressobj(-15)
        try:
            content = engine.decompress(packed, room + 1)
        except zlib.error:
            refuse("FILE_DAMAGED", reason="compressed data")
        if len(content) <= room and (not engine.eof or engine.unused_data):
            refuse("FILE_DAMAGED", reason="compressed data")
    if len(content) > room:
        refuse("FILE_EXPANDS_TOO_MUCH", expected=str(room // (1024 * 1024)))
    if len(content) != member.size:
        refuse("FILE_UNSAFE", reason="declared size differs from the content")
    if zlib.crc32(content) != member.crc:
        refuse("FILE_DAMAGED", reason="CRC")
    return content


def _check_parts(unpacked: dict[str, bytes]) -> None:
    """No DOCTYPE, no other encoding than UTF-8, no target outside the file."""
    types = unpacked.get("[Content_Types].xml", b"")
    if b"macroEnabled" in types:
        refuse("FILE_TYPE_NOT_ACCEPTED", value="XLSM")
    for name, content in unpacked.items():
        lower = name.casefold()
        if not lower.endswith((".xml", ".rels", ".vml")):
            continue
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:64]:
            refuse("FILE_UNSAFE", reason="XML that is not UTF-8")
        declared = content[:200].partition(b"?>")[0].lower()
        if b"encoding" in declared and b"utf-8" not in declared:
            refuse("FILE_UNSAFE", reason="XML that is not UTF-8")
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            refuse("FILE_UNSAFE", reason="DOCTYPE")
        if lower.endswith(".rels"):
            _check_targets(content)
        if "/externallinks/" in f"/{lower}" and (b"ddeLink" in content or b"oleLink" in content):
            refuse("FILE_UNSAFE", reason="DDE or OLE link")


def _check_targets(content: bytes) -> None:
    """Targets outside the file: hyperlinks, and the names of workbooks once linked to.

    Both are never followed; Chinese platforms' templates do carry the latter. A cell whose
    formula takes its value from such a workbook is told by the reader.
    """

    def relation(name: str, values: dict[str, str]) -> None:
        if values.get("TargetMode") != "External":
            return
        kind, target = values.get("Type", "").rpartition("/")[2], values.get("Target", "")
        if kind == "hyperlink":
            return
        if kind != "externalLinkPath" or re.match("[a-z]{2,}:(?!///[a-z]:)", target, re.I):
            refuse("FILE_UNSAFE", reason="target outside the file")
        if target.startswith(("\\\\", "//")):
            refuse("FILE_UNSAFE", reason="target outside the file")

    parser = expat.ParserCreate()
    parser.StartElementHandler = relation
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        refuse("FILE_DAMAGED", reason=f"XML: {error}")
