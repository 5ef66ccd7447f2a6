"""Files to download (下载): always as attachments, under names that no header can be broken by."""

import re
from urllib.parse import quote

from starlette.responses import Response

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

PDF = "application/pdf"

SELF_CONTAINED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""For a page of ours that carries its own styles and needs nothing else."""


def disposition(name: str) -> str:
    """``Content-Disposition`` of an attachment (RFC 6266): ASCII fallback and UTF-8 name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    plain = re.sub(r"_+(?=\.|\Z)", "", plain).strip("._") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def attachment(data: bytes, name: str, media_type: str) -> Response:
    """A file to keep, sandboxed should a browser show it all the same."""
    return Response(
        data,
        media_type=media_type,
        headers={
            "content-disposition": disposition(name),
            "content-security-policy": "default-src 'none'; sandbox",
        },
    )


def self_contained(data: bytes) -> Response:
    """A report page of ours, shown in the browser without any right."""
    return Response(
        data,
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": SELF_CONTAINED},
    )
