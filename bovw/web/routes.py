"""The JSON API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote_to_bytes

import anyio
from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from ..errors import BovwError, SettingsError
from ..pictures import Box
from ..report import search_page, search_policy
from ..settings import ExpansionMethod
from .answers import Json
from .decoding import Encoded
from .facts import facts
from .metrics import Metrics
from .previews import SIDES
from .searches import Conditions
from .service import MOST_ANSWERS, Asked, Service, base_name

T = TypeVar("T")
router = APIRouter()
_PICTURES = "/api/pictures/"

Uploads = Annotated[list[UploadFile], File(description="Pictures to search with.")]
Identifiers = Annotated[
    list[str], Form(description="Pictures of the index to search with, after those uploaded.")
]
Regions = Annotated[
    list[str],
    Form(description="x0,y0,x1,y1 in pixels: a part of the first picture, the second, ...; or ''."),
]
Where = Annotated[
    str | None, Form(description="Only pictures that fit in the register: class in 5, 33")
]


class Served:
    """What the routes share, kept in the state of the application."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.service = service
        self.metrics = metrics
        n = service.options.workers
        self._searching, self._drawing = anyio.CapacityLimiter(n), anyio.CapacityLimiter(n)

    async def search(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run what computes in a thread, as many at a time as there are workers."""
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._searching)

    async def draw(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run what makes previews in a thread, beside searches."""
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._drawing)


def served(request: Request) -> Served:
    """What the routes share."""
    found: Served = request.app.state.served
    return found


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """Give the page for people."""
    page = search_page(facts(served(request).service))
    return HTMLResponse(page, headers={"content-security-policy": search_policy()})


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Say that the server is well, and which index it serves."""
    service = served(request).service
    content = {
        "status": "ok" if service.refresh_error is None else "stale",
        "n_pictures": len(service.engine),
        "index": service.engine.index.digest,
        "refresh_error": service.refresh_error,
    }
    return Json(content)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Give figures for Prometheus."""
    text = served(request).metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/info")
async def info(request: Request) -> Response:
    """Give facts: the index, its columns, limits, and defaults of a search."""
    return Json(facts(served(request).service))


@router.post("/api/search")
async def search(
    request: Request,
    pictures: Uploads = [],  # noqa: B006
    identifier: Identifiers = [],  # noqa: B006
    region: Regions = [],  # noqa: B006
    k: Annotated[int, Form(ge=1, le=MOST_ANSWERS, description="Number of answers.")] = 20,
    verify: Annotated[
        int | None, Form(ge=0, le=10_000, description="How many candidates are verified.")
    ] = None,
    expand: Annotated[
        ExpansionMethod | None,
        Form(description="Method of query expansion."),
    ] = None,
    also: Annotated[
        str | None, Form(description="Other guises: mirror, negative, mirror,negative, or none.")
    ] = None,
    combine: Annotated[
        Literal["joined", "mean", "best"], Form(description="How several pictures are combined.")
    ] = "joined",
    where: Where = None,
) -> Response:
    """Search with pictures that are uploaded, or that are in the index; several are one query.

    `result` is that of docs/results.md. `answers` has, in the same order, the address of each
    picture and its row of the register. `search` is the name of this search for `/api/explain` and
    `/api/export`.
    """
    here = served(request)
    start = time.perf_counter()
    try:
        guises = "" if also == "none" else also
        conditions = Conditions(k, verify, expand, guises, combine, where)
        regions = [_region(text) for text in region]
        n = len(pictures) + len(identifier)
        if len(regions) > n:
            raise SettingsError(f"{len(regions)} regions for {n} pictures")
        regions += [None] * (n - len(regions))

        def searched() -> tuple[str, dict[str, Any]]:
            # Uploads lie in temporary files, and not in memory, while a search waits for its turn.
            given: list[tuple[str, bytes | None]] = [
                *[(base_name(one.filename or ""), one.file.read()) for one in pictures],
                *[(identifier_of(text), None) for text in identifier],
            ]
            asked = [Asked(*one, box) for one, box in zip(given, regions, strict=True)]
            return here.service.search(asked, conditions)

        name, content = await here.search(searched)
    except BovwError:
        here.metrics.searches.labels("error").inc()
        raise
    outcome = "match" if content["result"]["matched"] else "no match"
    here.metrics.searches.labels(outcome).inc()
    here.metrics.seconds.observe(time.perf_counter() - start)
    return Json({"search": name, **content})


@router.post("/api/explain")
async def explain(
    request: Request,
    search: Annotated[str, Form(description="Name of a search, from /api/search.")],
    identifier: Annotated[str, Form(description="A picture of the index.")],
) -> Response:
    """Say why a picture is an answer, or why it is no better one, with the words that count most.

    A picture that the search did not verify is verified now.
    """
    here = served(request)
    return Json(await here.search(here.service.explain, search, identifier_of(identifier)))


@router.get("/api/pictures")
async def pictures(
    request: Request,
    text: Annotated[str, Query(max_length=500, description="Words in names and labels.")] = "",
    where: Annotated[str | None, Query(max_length=2000)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List pictures of the index, by name and by what the register says of them."""
    here = served(request)
    return Json(await here.draw(here.service.listed, text, where, offset, limit))


@router.get("/api/pictures/{identifier:path}")
async def picture(
    request: Request,
    identifier: str,
    side: Annotated[int, Query(ge=1, le=SIDES[-1], description="Pixels of a side.")] = 640,
) -> Response:
    """Give a picture of the index, made anew as WebP, or as JPEG where Pillow has no WebP.

    A file is never given as it lies on disk. The longer side has at most 160, 420, 640, 1000 or
    1600 pixels: the first of these that is not less than `side`.
    """
    here = served(request)
    # The path as it was sent: a name need not be UTF-8.
    sent = request.scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "replace")
    name = identifier_of(sent) if sent.startswith(_PICTURES) else identifier
    return _shown(await here.draw(here.service.picture, name, side))


@router.get("/api/searches/{search}/pictures/{number}")
async def query_picture(request: Request, search: str, number: int) -> Response:
    """Give a picture that was searched with."""
    previews = served(request).service.searches[search].previews
    if not 0 <= number < len(previews):
        raise SettingsError(f"picture {number}: expected 0 to {len(previews) - 1}")
    return _shown(previews[number])


def _shown(encoded: Encoded) -> Response:
    headers = {"cache-control": "private, max-age=600"}
    return Response(encoded.content, media_type=encoded.kind, headers=headers)


class Pick(BaseModel):
    """An answer of a search."""

    search: str
    identifier: str


class Export(BaseModel):
    """Which answers are exported, and as what."""

    format: Literal["csv", "page"]
    picks: Annotated[list[Pick], Field(min_length=1, max_length=MOST_ANSWERS)]
    title: Annotated[str, Field(max_length=200)] = "Shortlist"


@router.post("/api/export")
async def export(request: Request, wanted: Export) -> Response:
    """Give answers that were picked as a CSV table, or as a page that opens offline."""
    here = served(request)
    picks = [(pick.search, identifier_of(pick.identifier)) for pick in wanted.picks]
    if wanted.format == "csv":
        text = await here.search(here.service.csv, picks)
        content, kind, name = text.encode("utf-8", "surrogateescape"), "text/csv", "shortlist.csv"
    else:
        text = await here.search(here.service.page, picks, wanted.title)
        content, kind, name = text.encode("utf-8"), "text/html", "shortlist.html"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)


def identifier_of(text: str) -> str:
    """Give the identifier that a client means: itself, or the address of its picture."""
    if not text.startswith(_PICTURES):
        return text
    return unquote_to_bytes(text.removeprefix(_PICTURES)).decode("utf-8", "surrogateescape")


def _region(text: str) -> Box | None:
    if not text.strip():
        return None
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise SettingsError(f"region={text!r:.100}: expected x0,y0,x1,y1 in pixels") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise SettingsError(f"region={text!r:.100}: expected finite numbers")
    return x0, y0, x1, y1
