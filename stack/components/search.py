"""The search service, and the indexer that keeps what it searches up to date."""

from __future__ import annotations

from collections.abc import Mapping

from stack.addresses import Addresses, EngineAddress, HttpAddress
from stack.components.base import Plan
from stack.components.meilisearch import MEILISEARCH, Meilisearch
from stack.components.opensearch import OPENSEARCH, OpenSearch
from stack.components.postgresql import PRIMARY
from stack.components.services import PythonService, base_url
from stack.errors import NeedMissingError

__all__ = ["INDEXER", "SEARCH", "Indexer", "SearchService"]

SEARCH = "search"
INDEXER = "indexer"
_ENGINES = (OPENSEARCH, MEILISEARCH)
_CTAGS = "ctags"


def _engine(plan: Plan) -> EngineAddress:
    """The engine that is searched: OpenSearch where the stack has both."""
    for component in (OpenSearch(), Meilisearch()):
        if component.name in plan.sites:
            return component.address(plan, Addresses()).engines[0]
    raise NeedMissingError(OPENSEARCH, "This stack has no search engine", fix=f"add one of {', '.join(_ENGINES)}")


class _OnAnEngine(PythonService):
    """What both have in common: the database, an engine, the repositories, and the folder of exact indexes."""

    after = (PRIMARY, *_ENGINES)
    requires = (PRIMARY,)
    one_of = _ENGINES

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """Where everything is; the folder is the one that `engineroom index` uses as well."""
        engine = _engine(plan)
        return {
            "SEARCH_ENGINE": engine.kind,
            "SEARCH_ENGINE_URL": engine.url,
            "SEARCH_GIT_FORM": "local",
            "SEARCH_GIT_LOCATION": str(plan.git_root),
            "SEARCH_FOLDER": str(plan.reference),
        }

    def secrets(self, plan: Plan) -> Mapping[str, str]:
        """The engine's key, where it has one."""
        key = _engine(plan).key
        return {"SEARCH_ENGINE_KEY": key.get_secret_value()} if key is not None else {}


class SearchService(_OnAnEngine):
    """Answers searches and suggestions to whoever has its token."""

    name = SEARCH
    service = "search"
    prefix = "SEARCH"
    field = "search"
    module = "stack.services.search"

    def secrets(self, plan: Plan) -> Mapping[str, str]:
        """The token that the api, and nobody else, has."""
        return {**super().secrets(plan), "SEARCH_TOKEN": plan.secrets.search_token.get_secret_value()}

    def service_address(self, plan: Plan) -> HttpAddress:
        """With the token."""
        return HttpAddress(url=base_url(plan, self.name), token=plan.secrets.search_token)


class Indexer(_OnAnEngine):
    """Follows the outbox, and compares everything from time to time."""

    name = INDEXER
    service = "indexer"
    prefix = "INDEXER"
    field = "indexer"
    module = "stack.services.search.indexer"
    tools = (_CTAGS,)

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """And the program that finds symbols."""
        return {**super().variables(plan), "SEARCH_CTAGS": str(plan.tools.require(_CTAGS).program(_CTAGS))}
