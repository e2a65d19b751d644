"""The web service: what a person sees of the forge, asking the api for everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.components.api import API
from stack.components.base import Plan
from stack.components.services import Service, base_url

__all__ = ["WEB", "Web"]

WEB = "web"
_NODE = "npm"  # the tool that has Node.js
_START = "server.mjs"


class Web(Service):
    """One Node.js process. It has no access to anything but the api."""

    name = WEB
    service = "web"
    prefix = "WEB"
    code = "web/scripts/build.mjs"
    field = "web"
    tools = (WEB, _NODE)
    needs_database = False
    after = (API,)
    requires = (API,)

    def arguments(self, plan: Plan) -> Sequence[str | Path]:
        """What was built from this checkout, run by Node.js."""
        return [plan.tools.require(_NODE).program("node"), plan.tools.require(WEB).program(_START)]

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """Where the api is; on loopback there is no HTTPS that a cookie could insist on."""
        return {"API_URL": base_url(plan, API), "WEB_SESSION_COOKIE_SECURE": "false", "NODE_ENV": "production"}
