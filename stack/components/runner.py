"""The runner: takes jobs from the database and runs their steps as a user without privileges."""

from __future__ import annotations

from collections.abc import Mapping

from stack.components.base import Plan, Runner
from stack.components.git_http import GIT_HTTP, git_secrets, git_variables
from stack.components.objects import OBJECTS, object_secrets, object_variables, with_bucket
from stack.components.postgresql import PRIMARY
from stack.components.services import PythonService

__all__ = ["RUNNER", "JobRunner"]

RUNNER = "runner"


class JobRunner(PythonService):
    """One runner of jobs."""

    name = RUNNER
    service = "runner"
    prefix = "RUNNER"
    field = "runner"
    module = "stack.services.runner"
    after = (PRIMARY, OBJECTS, GIT_HTTP)
    requires = (PRIMARY, OBJECTS, GIT_HTTP)

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Schema and bucket; and steps, which run as another user, must be able to enter the folder they work in."""
        super().prepare(plan, run)
        with_bucket(plan)
        site = plan.site(self.name)
        if plan.service_user is not None:
            for folder in (site.folder, site.data):
                folder.chmod(0o711)

    def variables(self, plan: Plan) -> Mapping[str, str]:
        """Its folder, whom its steps run as, and where checkouts come from and logs go."""
        user = {"RUNNER_USER": plan.service_user} if plan.service_user else {}
        return {
            "RUNNER_NAME": f"{RUNNER}-{plan.run}",
            "RUNNER_WORK": str(plan.site(self.name).data),
            **user,
            **git_variables(plan),
            **object_variables(plan),
        }

    def secrets(self, plan: Plan) -> Mapping[str, str]:
        """The git service's token and the object store's key."""
        return {**git_secrets(plan), **object_secrets(plan)}
