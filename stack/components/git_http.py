"""The git service: clone, fetch and push over HTTP, and the internal interface to repositories."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.addresses import HttpAddress
from stack.components.base import Plan
from stack.components.postgresql import PRIMARY
from stack.components.services import Service, base_url

__all__ = ["GIT_HTTP", "GIT_SERVICE", "GitService", "git_secrets", "git_variables"]

GIT_HTTP = "git-http"
GIT_SERVICE = "git-service"
_PROGRAM = "engineroom-git"


class GitService(Service):
    """It alone writes below the git root while it runs; everybody else on this machine may read there."""

    name = GIT_HTTP
    service = "git"
    prefix = "GIT"
    code = "git/Cargo.lock"
    field = "git_http"
    tools = (GIT_SERVICE,)
    after = (PRIMARY,)
    requires = (PRIMARY,)
    # The git daemon reads the repositories as another user.
    umask = 0o022
    # A clone or a push that has begun is finished, however large it is, as far as anybody would wait for it.
    grace = 120.0

    def arguments(self, plan: Plan) -> Sequence[str | Path]:
        """The program built from this checkout."""
        return [plan.tools.require(GIT_SERVICE).program(_PROGRAM)]

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """The repositories, and a folder of its own for pushes that are not announced yet."""
        return {
            "GIT_DATA_PATH": str(plan.git_root),
            "GIT_STATE_PATH": str(plan.site(self.name).data),
            "GIT_BINARY": shutil.which("git") or "git",
        }

    def secrets(self, plan: Plan) -> Mapping[str, str]:
        """The token that the api, and nobody else, has."""
        return {"GIT_TOKEN": plan.secrets.git_token.get_secret_value()}

    def service_address(self, plan: Plan) -> HttpAddress:
        """With the token."""
        return HttpAddress(url=base_url(plan, self.name), token=plan.secrets.git_token)


def git_variables(plan: Plan) -> dict[str, str]:
    """How another service of the plan finds this one; empty when the plan lacks it."""
    return {"GIT_URL": base_url(plan, GIT_HTTP)} if GIT_HTTP in plan.sites else {}


def git_secrets(plan: Plan) -> dict[str, str]:
    """What another service of the plan shows to this one; empty when the plan lacks it."""
    return {"GIT_TOKEN": plan.secrets.git_token.get_secret_value()} if GIT_HTTP in plan.sites else {}
