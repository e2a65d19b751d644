"""`/search` and `/suggest`: who asks, what, and what went wrong, in HTTP's terms."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

import structlog
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response

from stack.errors import EngineRoomError
from stack.forge.database import DatabaseError
from stack.forge.smsly import SmslyForge
from stack.search.engines.base import EngineError, EngineRefusedError
from stack.search.query import parse
from stack.search.query.errors import QueryError
from stack.search.query.nodes import IsFilter, TypeFilter
from stack.search.results import CodeHit, Results
from stack.search.service import Search
from stack.search.state import StateError
from stack.services.common.envelope import ApiError, data
from stack.services.common.logs import said
from stack.services.common.metrics import BUCKETS
from stack.services.common.telemetry import span
from stack.services.search.pool import FullError, LateError, Pool
from stack.services.search.suggestions import Suggester

__all__ = ["SearchApi", "SearchMetrics", "type_of"]

Answer = TypeVar("Answer")

_log = structlog.get_logger("search")
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_WINDOW = 10_000
_PER_PAGE = 100
_SUGGESTIONS = 20
_TYPES = {"path": "code", "symbol": "code"}


class SearchMetrics:
    """What is counted about queries; of a query itself, only its type."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self.duration = Histogram(
            "search_query_duration_seconds",
            "Duration of queries by what they look for and how they ended.",
            ("type", "outcome"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.results = Counter(
            "search_results", "Answered queries by whether they found anything.", ("type", "result"), registry=registry
        )


def type_of(text: str) -> str:
    """What a query looks for, as a label; `code` where it doesn't say, or can't be understood."""
    try:
        leaves = [leaf for leaf, _ in parse(text).leaves()]
    except QueryError:
        return "code"
    for leaf in leaves:
        if isinstance(leaf, TypeFilter):
            return _TYPES.get(leaf.type.value, leaf.type.value)
    flags = {leaf.flag.value for leaf in leaves if isinstance(leaf, IsFilter)}
    if "merged" in flags:
        return "pr"
    return "issue" if flags & {"open", "closed"} else "code"


@dataclass(slots=True)
class SearchApi:
    """The two routes.

    Args:
        forge: knows the users.
        token: of the callers.
        searches: threads with a search each.
        suggesters: threads with a suggester each.
        metrics: of queries.
        seconds: for one query.
        suggest_seconds: for one suggestion, waiting included.
    """

    forge: SmslyForge
    token: str
    searches: Pool[Search]
    suggesters: Pool[Suggester]
    metrics: SearchMetrics
    seconds: float
    suggest_seconds: float
    _expected: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Keep the header that is right."""
        self._expected = f"Bearer {self.token}".encode("latin-1")

    async def search(self, request: Request) -> Response:
        """`GET /search?q=&page=&per_page=&why=`."""
        viewer = self._viewer(request)
        text = _text(request)
        page, per_page = _number(request, "page", 1, _WINDOW), _number(request, "per_page", 20, _PER_PAGE)
        if page * per_page > _WINDOW:
            raise ApiError(400, f"Only the best {_WINDOW:,} hits can be paged through", details={"page": "too far"})
        why = request.query_params.get("why", "") in {"1", "true"}
        kind = type_of(text)

        def work(search: Search) -> Results:
            self._known(viewer)
            with span("search", attributes={"search.type": kind, "search.query.length": len(text)}) as made:
                found = search.search(text, viewer=viewer, page=page, per_page=per_page)
                made.set_attribute("search.total", found.total)
                return found

        found = await self._timed(kind, self.searches.run(work, seconds=self.seconds))
        self.metrics.results.labels(kind, "some" if found.total else "none").inc()
        return data((found if why else _without_reasons(found)).to_json())

    async def suggest(self, request: Request) -> Response:
        """`GET /suggest?q=&limit=`."""
        viewer = self._viewer(request)
        text = _text(request)
        limit = _number(request, "limit", 10, _SUGGESTIONS)

        def work(suggester: Suggester) -> str:
            self._known(viewer)
            with span("suggest", attributes={"search.query.length": len(text)}):
                found = suggester.suggest(text, viewer=viewer, limit=limit)
            shown = [asdict(one) for one in found]
            for one in shown:
                del one["repository_id"]
            return json.dumps(shown, ensure_ascii=False)

        found = await self._timed("suggest", self.suggesters.run(work, seconds=self.suggest_seconds))
        self.metrics.results.labels("suggest", "some" if found != "[]" else "none").inc()
        return data(found)

    async def _timed(self, kind: str, answer: Awaitable[Answer]) -> Answer:
        begun = time.monotonic()
        outcome = "ok"
        try:
            return await answer
        except (QueryError, ApiError) as error:
            outcome = "refused"
            raise (error if isinstance(error, ApiError) else _refused(error)) from error
        except (LateError, FullError) as error:
            outcome = "timeout" if isinstance(error, LateError) else "unavailable"
            raise _away("The search is too busy to answer in time", error) from error
        except EngineRefusedError as error:
            # The window is checked before; what is left is an engine that lacks its indexes, or its own limits.
            outcome = "unavailable"
            raise _away("The search engine can't answer this now", error) from error
        except (EngineError, StateError, DatabaseError) as error:
            outcome = "unavailable"
            what = "search engine" if isinstance(error, EngineError) else "database"
            raise _away(f"The {what} doesn't answer", error) from error
        finally:
            self.metrics.duration.labels(kind, outcome).observe(time.monotonic() - begun)

    def _viewer(self, request: Request) -> str | None:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, self._expected):
            raise ApiError(401, "A token is needed", headers={"WWW-Authenticate": "Bearer"})
        viewer = request.headers.get("x-engineroom-user", "")
        if viewer and not _USERNAME.fullmatch(viewer):
            raise ApiError(400, "This can't be the name of a user", details={"X-Engineroom-User": "no username"})
        return viewer or None

    def _known(self, viewer: str | None) -> None:
        if viewer is not None and self.forge.find_user(viewer) is None:
            raise ApiError(400, "There is no such user", details={"X-Engineroom-User": "unknown"})


def _text(request: Request) -> str:
    values = request.query_params.getlist("q")
    if len(values) != 1 or not values[0].strip():
        raise ApiError(400, "Say what to look for", details={"q": "has to be given once, and not empty"})
    if "\0" in values[0]:
        raise ApiError(400, "A query is text", details={"q": "has a NUL in it"})
    return values[0]


def _number(request: Request, name: str, usual: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None or text == "":
        return usual
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise ApiError(400, f"{name} is a number from 1 to {most}", details={name: f"has to be from 1 to {most}"})
    return int(text)


def _without_reasons(found: Results) -> Results:
    hits = tuple(replace(hit, reasons=()) if isinstance(hit, CodeHit) else hit for hit in found.hits)
    return replace(found, hits=hits)


def _refused(error: QueryError) -> ApiError:
    details = {"position": str(error.position), "at": error.on, "hint": error.fix}
    message = error.what if not error.fix else f"{error.what}: {error.fix}"
    return ApiError(400, message, details={name: text for name, text in details.items() if text})


def _away(message: str, error: EngineRoomError) -> ApiError:
    _log.warning("unavailable", **said(error))
    trace.get_current_span().set_attribute("error.type", type(error).__name__)
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, message)
