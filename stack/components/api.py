"""The api: the forge's public interface, in front of the git service and the search service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.components.base import Plan, Runner
from stack.components.git_http import GIT_HTTP, git_secrets, git_variables
from stack.components.objects import OBJECTS, object_secrets, object_variables, with_bucket
from stack.components.postgresql import PRIMARY
from stack.components.redis import NODES
from stack.components.search import SEARCH
from stack.components.services import Service, base_url

__all__ = ["API", "Api"]

API = "api"
_WEB = "web"  # its component needs this one


class Api(Service):
    """It needs database and git service; whatever else the stack has it uses."""

    name = API
    service = "api"
    prefix = "API"
    code = "api/cmd/server/main.go"
    field = "api"
    tools = (API,)
    after = (PRIMARY, *NODES, OBJECTS, GIT_HTTP, SEARCH)
    requires = (PRIMARY, GIT_HTTP)

    def arguments(self, plan: Plan) -> Sequence[str | Path]:
        """The program built from this checkout."""
        return [plan.tools.require(API).program(API)]

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Schema, and the bucket of attachments and logs."""
        super().prepare(plan, run)
        with_bucket(plan)

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """Where the others are."""
        nodes = [plan.site(name) for name in NODES if name in plan.sites]
        search = {"SEARCH_URL": base_url(plan, SEARCH)} if SEARCH in plan.sites else {}
        cache = {"REDIS_NODES": ",".join(f"{node.host}:{node.ports['server']}" for node in nodes)} if nodes else {}
        # The pages ask for everybody: only whom they name may be the one that too many wrong passwords shut out.
        pages = {"API_TRUSTED_PROXIES": f"{plan.site(_WEB).host}/32"} if _WEB in plan.sites else {}
        return {**git_variables(plan), **object_variables(plan), **search, **cache, **pages}

    def secrets(self, plan: Plan) -> Mapping[str, str]:
        """Tokens and passwords of those that the stack has."""
        search = {"SEARCH_TOKEN": plan.secrets.search_token.get_secret_value()} if SEARCH in plan.sites else {}
        cache = {"REDIS_PASSWORD": plan.secrets.redis.get_secret_value()} if NODES[0] in plan.sites else {}
        return {**git_secrets(plan), **object_secrets(plan), **search, **cache}
