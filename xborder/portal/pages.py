"""The pages that only read (页面); every handler runs in a thread and changes nothing."""

import re
from datetime import date
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from xborder import findings
from xborder.intake import KINDS
from xborder.portal import issued, language, own_rows, receipt, registered, stock_reports
from xborder.portal.context import Portal
from xborder.portal.handing_in import NO_SHOP
from xborder.portal.rendering import page
from xborder.registry import answers, landing, queries
from xborder.registry.database import reading
from xborder.registry.uploads import CHECKED, READ, REFUSED, ROW_STATES

LATEST = 8
PER_PAGE = 50
MOST_MANIFESTS = 200
ANSWERABLE = (
    "SKU_NOT_IN_CATALOGUE", "COUNTRY_UNKNOWN", "CURRENCY_UNKNOWN", "UNIT_UNKNOWN",
)  # fmt: skip
"""Causes that one answer may cure, wherever they stand."""


def _portal(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal


def home(request: Request) -> Response:
    """GET /: the form, the templates, the latest uploads."""
    portal = _portal(request)
    with reading(portal.home.engine) as connection:
        latest = registered.latest(connection, LATEST)
        held = {one.id: queries.receipt(connection, one.id)["held"] for one in latest}
    return page(
        request,
        "home.html",
        known=portal.profiles.now(),
        no_shop=NO_SHOP,
        kinds=KINDS,
        most=portal.limits.body,
        days=portal.home.settings.originals_days,
        latest=latest,
        held=held,
        waiting=registered.waiting(portal.home.settings)[:LATEST],
        chosen=request.query_params.get("to", ""),
    )


def uploads(request: Request) -> Response:
    """GET /uploads: what was handed in, the newest first."""
    portal = _portal(request)
    asked = request.query_params.get("page", "1")
    number = int(asked) if re.fullmatch("[1-9][0-9]{0,5}", asked, re.ASCII) else 1
    with reading(portal.home.engine) as connection:
        shown = registered.latest(connection, PER_PAGE, (number - 1) * PER_PAGE)
        every = registered.count(connection)
        held = {one.id: queries.receipt(connection, one.id)["held"] for one in shown}
    return page(
        request,
        "uploads.html",
        uploads=shown,
        held=held,
        waiting=registered.waiting(portal.home.settings) if number == 1 else [],
        number=number,
        more=every > number * PER_PAGE,
    )


def landed(request: Request) -> Response:
    """GET /landed/{exporter}/{shop}/{sha256}: waits for the run; then the upload's own page."""
    portal = _portal(request)
    exporter, shop = request.path_params["exporter"], request.path_params["shop"]
    shop, sha256 = "" if shop == NO_SHOP else shop, request.path_params["sha256"]
    # The landing zone first: a file leaves it after its upload is registered, never before.
    file = registered.landed(landing.look(portal.home.settings), exporter, shop, sha256)
    with reading(portal.home.engine) as connection:
        upload = queries.upload_of(connection, exporter, shop, sha256)
    if upload is not None:
        return RedirectResponse(f"/uploads/{upload.id}", status_code=303)
    if file is None:
        raise HTTPException(404)
    return page(request, "landed.html", file=file, sha256=sha256, watched="waiting")


def upload(request: Request) -> Response:
    """GET /uploads/{id}: the receipt."""
    portal = _portal(request)
    home, upload_id = portal.home, request.path_params["upload_id"]
    files = landing.look(home.settings)
    with reading(home.engine) as connection:
        row = registered.upload(connection, upload_id)
        if row is None:
            raise HTTPException(404)
        told = queries.receipt(connection, upload_id)
        came = registered.deliveries_of(connection, upload_id)
    busy = row.state not in (CHECKED, REFUSED)
    causes = []
    if row.state in (READ, CHECKED, REFUSED) or row.code:
        found = answers.answer(home.engine, home.store, [upload_id])
        causes = receipt.causes(found, language.choose(request), row.file_name)
    waits = registered.landed(files, row.exporter, row.shop, row.sha256) is not None
    return page(
        request,
        "upload.html",
        upload=row,
        receipt=told,
        states=ROW_STATES,
        bar=receipt.bar(told),
        deliveries=came,
        causes=causes,
        places=sum(one.count for one in causes),
        sheets=receipt.several_sheets(causes),
        busy=busy,
        again=request.query_params.get("again") == "1" or (waits and row.state != REFUSED),
        waits=waits,
        to=quote(f"{row.exporter}/{row.shop or NO_SHOP}"),
        watched=_watched(row, waits),
        answerable=ANSWERABLE,
        rows=own_rows.of_places(home, upload_id, causes) if causes else {},
        annotated_bytes=home.settings.annotated_bytes,
    )


def _watched(row: Any, waits: bool) -> str:
    """What a waiting page compares: it loads itself again when this changes."""
    return f"{row.state}{'+' if waits else ''}"


def upload_state(request: Request) -> Response:
    """GET /uploads/{id}/state and /landed/…/state: the state alone, for a page that waits."""
    portal = _portal(request)
    files = landing.look(portal.home.settings)
    with reading(portal.home.engine) as connection:
        if "upload_id" in request.path_params:
            row = registered.upload(connection, request.path_params["upload_id"])
        else:
            exporter, shop = request.path_params["exporter"], request.path_params["shop"]
            shop = "" if shop == NO_SHOP else shop
            row = queries.upload_of(connection, exporter, shop, request.path_params["sha256"])
    if row is None:
        return JSONResponse({"state": "waiting"})
    waits = registered.landed(files, row.exporter, row.shop, row.sha256) is not None
    return JSONResponse({"state": _watched(row, waits)})


def manifests(request: Request) -> Response:
    """GET /manifests?date=&exporter=: what was issued, the newest first."""
    portal = _portal(request)
    asked, exporter = request.query_params.get("date", ""), request.query_params.get("exporter", "")
    try:
        day = date.fromisoformat(asked) if asked else None
    except ValueError:
        day = None
    return page(
        request,
        "manifests.html",
        iso=issued.iso_currencies(portal.home),
        states=issued.words(portal.home),
        manifests=issued.listed(portal.home, day, exporter or None, MOST_MANIFESTS),
        exporters=portal.profiles.now().exporters,
        day=day.isoformat() if day else "",
        exporter=exporter,
    )


def manifest(request: Request) -> Response:
    """GET /manifests/{number}: what it holds and amounts to, its files."""
    portal = _portal(request)
    shown = issued.one(portal.home, request.path_params["number"])
    if shown is None:
        raise HTTPException(404)
    exporter = portal.profiles.now().exporters.get(shown.row.exporter)
    return page(
        request,
        "manifest.html",
        row=shown.row,
        index=shown.index,
        shown=shown,
        states=issued.words(portal.home),
        exporter=exporter,
        signing=exporter.sending.signing if exporter else "none",
        iso=issued.iso_currencies(portal.home),
    )


def stock(request: Request) -> Response:
    """GET /stock: the stock reports."""
    return page(request, "stock.html", reports=stock_reports.written(_portal(request).home))


def catalogue(request: Request) -> Response:
    """GET /findings: every finding there is, by layer."""
    layers: dict[str, list[findings.Entry]] = {}
    rank = {severity: place for place, severity in enumerate(findings.SEVERITIES)}
    for entry in findings.catalogue().values():
        layers.setdefault(entry.layer, []).append(entry)
    ordered = {
        layer: sorted(entries, key=lambda one: (rank[one.severity], one.code))
        for layer, entries in layers.items()
    }
    return page(request, "findings.html", layers=ordered)
