"""versitygw: an S3 gateway that keeps objects as files; smaller and faster than SeaweedFS, without lifecycle rules."""

from __future__ import annotations

from collections.abc import Mapping

from stack.components.base import Launch, Plan, Runner
from stack.components.objects import ObjectStore

__all__ = ["VersityGateway"]


class VersityGateway(ObjectStore):
    """The second store, so that nothing relies on the habits of the first."""

    tools = ("versitygw",)

    def files(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - it has no configuration file
        """None: it is configured by arguments and environment."""
        return {}

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Make the folders it wants to find."""
        data = plan.site(self.name).data
        run(["mkdir", "-p", data / "objects", data / "versions", data / "accounts"])

    def launch(self, plan: Plan) -> Launch:
        """The gateway on its folder; its root account comes by environment, which only its own user can read."""
        site = plan.site(self.name)
        tool = plan.tools.require("versitygw")
        return Launch(
            [
                tool.program("versitygw"),
                "--port",
                f"{site.host}:{site.ports['server']}",
                "--quiet",
                # Without it there is one account alone, and nobody can be given less than all rights.
                "--iam-dir",
                site.data / "accounts",
                "posix",
                "--versioning-dir",
                site.data / "versions",
                site.data / "objects",
            ],
            cwd=site.scratch,
            env={
                **tool.env,
                "ROOT_ACCESS_KEY": plan.secrets.objects_access_key,
                "ROOT_SECRET_KEY": plan.secrets.objects_secret_key.get_secret_value(),
            },
        )
