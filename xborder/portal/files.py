"""The pages that give out files (下载): templates, annotated findings, manifests, stock reports."""

import tempfile
import threading
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from xborder import intake
from xborder.checks.annotator import BusyError
from xborder.manifests import content, documents
from xborder.portal import issued, language, registered, stock_reports
from xborder.portal.context import Portal
from xborder.portal.downloads import PDF, XLSX, attachment, self_contained
from xborder.portal.receiving import FormError
from xborder.registry import annotations, originals
from xborder.registry.database import reading

_ANNOTATING = threading.BoundedSemaphore(2)
"""Each annotated workbook is made by child processes of up to 1 GiB: two at a time."""


_PRINTING = threading.BoundedSemaphore(2)
"""A sheet of a thousand lists takes a second of a processor: two at a time."""


def template(request: Request) -> Response:
    """GET /templates/{kind}.xlsx: an empty template workbook."""
    kind = request.path_params["kind"]
    if kind not in intake.KINDS:
        raise HTTPException(404)
    chosen = language.choose(request)
    named = language.Texts(chosen).named("kind", kind)
    name = f"{named}模板.xlsx" if chosen == "zh" else f"{kind} template.xlsx"
    return attachment(_template(kind, chosen), name, XLSX)


@cache
def _template(kind: str, chosen: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "template.xlsx"
        intake.write_template(kind, target, lang=chosen)
        return target.read_bytes()


def annotated(request: Request) -> Response:
    """GET /uploads/{id}/annotated.xlsx: the user's own file with each finding at its cell."""
    portal: Portal = request.app.state.portal
    home, upload_id = portal.home, request.path_params["upload_id"]
    with reading(home.engine) as connection:
        row = registered.upload(connection, upload_id)
    if row is None or row.state == "landed":
        raise HTTPException(404)
    if row.original != originals.KEPT:
        raise FormError("error.expired")
    known = portal.profiles.now().exporters
    try:
        with _ANNOTATING:
            data = annotations.of_upload(
                home.engine, home.store, home.settings, known, home.tables, upload_id
            )
    except (FileNotFoundError, originals.UnreadableError) as error:
        raise FormError("error.expired") from error
    except BusyError as error:
        raise FormError("error.busy") from error
    chosen = language.choose(request)
    suffix = "批注" if chosen == "zh" else "annotated"
    return attachment(data, f"{Path(row.file_name).stem}_{suffix}.xlsx", XLSX)


def manifest(request: Request) -> Response:
    """GET /manifests/{number}.zip: the sealed ZIP, its checksum compared before it leaves."""
    portal: Portal = request.app.state.portal
    shown = issued.one(portal.home, request.path_params["number"])
    if shown is None or shown.row.sha256 is None:
        raise HTTPException(404)
    try:
        data = issued.archive(portal.home, shown.row)
    except (FileNotFoundError, issued.DamagedError) as error:
        raise FormError("manifest.missing") from error
    return attachment(data, f"{shown.row.number}.zip", "application/zip")


def manifest_sheet(request: Request) -> Response:
    """GET /manifests/{number}.pdf: the printable sheet, made when asked for."""
    return _printed(request, documents.SHEET, PDF)


def manifest_import(request: Request) -> Response:
    """GET /manifests/{number}.import.xlsx: the lists for an office that imports them by hand."""
    return _printed(request, documents.IMPORT, XLSX)


def _printed(request: Request, name: str, media_type: str) -> Response:
    home = request.app.state.portal.home
    number = request.path_params["number"]
    try:
        with _PRINTING:
            data = documents.render(home.engine, home.store, number, name)
    except (documents.NotIssuedError, documents.NoDocumentError) as error:
        raise HTTPException(404) from error
    except content.ContentError as error:
        raise FormError("manifest.missing") from error
    return attachment(data, f"{number}.{name}", media_type)


def stock(request: Request) -> Response:
    """GET /stock/{day}/{name}: a file of a stock report; the page itself is shown, not kept."""
    portal: Portal = request.app.state.portal
    day, name = request.path_params["day"], request.path_params["name"]
    data = stock_reports.file(portal.home, day, name)
    if data is None:
        raise HTTPException(404)
    if name == "stock.html":
        return self_contained(data)
    stem, _, extension = name.partition(".")
    return attachment(data, f"{stem}_{day}.{extension}", stock_reports.FILES[name])
