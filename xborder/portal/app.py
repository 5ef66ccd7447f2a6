"""The page's application (网页应用): its routes, its wall, its error pages."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from xborder.portal import answering, customs_pages, files, pages
from xborder.portal.context import Portal
from xborder.portal.guard import Guard
from xborder.portal.handing_in import hand_in
from xborder.portal.language import Texts, choose
from xborder.portal.limits import Limits
from xborder.portal.profiles import Profiles
from xborder.portal.receiving import FormError
from xborder.portal.rendering import page
from xborder.registry.home import Home

STATIC = Path(__file__).parent / "static"

_ERRORS = {404: "error.missing", 405: "error.method"}

_STATUSES = {
    "error.token": 403,
    "error.disk": 507,
    "error.expired": 410,
    "error.busy": 503,
    "manifest.missing": 500,
}
"""Status of a refused form or file by its text; all others are 400."""


def create_app(home: Home, port: int | None = None, limits: Limits | None = None) -> Starlette:
    """The application of a home; ``port`` is the one that browsers reach (default: settings).

    It trusts nobody beyond this machine and has no accounts: serve it by ``server.serve``.
    """
    portal = Portal(
        home=home,
        profiles=Profiles(home.settings.exporters),
        port=home.settings.page_port if port is None else port,
        limits=limits or Limits(),
    )

    async def error_page(request: Request, status: int, key: str) -> Response:
        places = {"port": str(portal.port), "most": _megabytes(portal.limits.body)}
        message = Texts(choose(request))(key, **places)
        return page(request, "error.html", status, message=message, number=status)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, FormError)
        return await error_page(request, _STATUSES.get(error.key, 400), error.key)

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = _ERRORS.get(error.status_code, "error.form")
        return await error_page(request, error.status_code, key)

    app = Starlette(
        routes=_ROUTES,
        middleware=[
            Middleware(Guard, port=portal.port, limits=portal.limits, error_page=error_page)
        ],
        exception_handlers={FormError: refused, HTTPException: missing},
    )
    app.state.portal = portal
    return app


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"


_LANDED = "/landed/{exporter}/{shop}/{sha256}"

_ROUTES = [
    Route("/", pages.home),
    Route("/uploads", pages.uploads, methods=["GET"]),
    Route("/uploads", hand_in, methods=["POST"]),
    Route("/uploads/{upload_id:int}", pages.upload),
    Route("/uploads/{upload_id:int}/state", pages.upload_state),
    Route("/uploads/{upload_id:int}/annotated.xlsx", files.annotated),
    Route(_LANDED, pages.landed),
    Route(_LANDED + "/state", pages.upload_state),
    Route("/answers", answering.answers),
    Route("/answers/{exporter}", answering.of_exporter, methods=["GET"]),
    Route("/answers/{exporter}", answering.give, methods=["POST"]),
    Route("/answers/{exporter}/revoke", answering.revoke, methods=["POST"]),
    Route("/manifests", pages.manifests),
    Route("/manifests/{number}.zip", files.manifest),
    Route("/manifests/{number}.pdf", files.manifest_sheet),
    Route("/manifests/{number}.import.xlsx", files.manifest_import),
    Route("/manifests/{number}", pages.manifest),
    Route("/consolidation", customs_pages.consolidation),
    Route("/receipts", customs_pages.receipts),
    Route("/stock", pages.stock),
    Route("/stock/{day}/{name}", files.stock),
    Route("/findings", pages.catalogue),
    Route("/templates/{kind}.xlsx", files.template),
    Mount("/static", StaticFiles(directory=STATIC)),
]
