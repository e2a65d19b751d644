"""SeaweedFS: master, volume server, filer and S3 gateway in one process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stack.components.base import Launch, Plan, Secrets
from stack.components.objects import ObjectStore

__all__ = ["SeaweedFS", "identities"]

_IDENTITIES = "s3.json"
# SeaweedFS looks for this name in its working folder.
_MASTER = "master.toml"
# One volume per bucket and replication instead of seven, so that many small buckets fit.
_MASTER_TOML = "[master.volume_growth]\ncopy_1 = 1\ncopy_2 = 1\ncopy_3 = 1\ncopy_other = 1\n"


def identities(secrets: Secrets) -> str:
    """The S3 gateway's identities file: one administrator, nobody anonymous."""
    credentials = {
        "accessKey": secrets.objects_access_key,
        "secretKey": secrets.objects_secret_key.get_secret_value(),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    document = {"identities": [{"name": "engineroom", "credentials": [credentials], "actions": actions}]}
    return json.dumps(document, indent=1) + "\n"


class SeaweedFS(ObjectStore):
    """The default store. Its filer and master answer without a password on loopback, so any local user can read it."""

    tools = ("seaweedfs",)
    ports = ("server", "s3-grpc", "master", "master-grpc", "volume", "volume-grpc", "filer", "filer-grpc")

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Identities and the growth of volumes."""
        return {_IDENTITIES: identities(plan.secrets), _MASTER: _MASTER_TOML}

    def outside(self, plan: Plan) -> tuple[Path, ...]:
        """The sockets beside its gRPC ports, whose place cannot be chosen."""
        ports = plan.site(self.name).ports
        roles = ("master", "volume", "filer", "s3")
        return tuple(Path(f"/tmp/seaweedfs-{role}-grpc-{ports[f'{role}-grpc']}.sock") for role in roles)  # noqa: S108

    def launch(self, plan: Plan) -> Launch:
        """One `weed server`."""
        site = plan.site(self.name)
        tool = plan.tools.require("seaweedfs")
        ports = site.ports
        sockets = site.sockets or site.scratch
        arguments: list[str | Path] = [
            tool.program("weed"),
            "-logtostderr=true",
            "server",
            f"-ip={site.host}",
            f"-ip.bind={site.host}",
            f"-dir={site.data}",
            f"-master.port={ports['master']}",
            f"-master.port.grpc={ports['master-grpc']}",
            "-master.volumeSizeLimitMB=1024",
            # On by default: it would send figures about the stack to its makers.
            "-master.telemetry=false",
            f"-volume.port={ports['volume']}",
            f"-volume.port.grpc={ports['volume-grpc']}",
            "-volume.max=500",
            # 10 s by default, for load balancers that are not here.
            "-volume.preStopSeconds=0",
            "-filer=true",
            f"-filer.port={ports['filer']}",
            f"-filer.port.grpc={ports['filer-grpc']}",
            f"-filer.localSocket={sockets / 'filer.sock'}",
            "-s3=true",
            f"-s3.port={ports['server']}",
            f"-s3.port.grpc={ports['s3-grpc']}",
            f"-s3.config={site.config / _IDENTITIES}",
            f"-s3.localSocket={sockets / 's3.sock'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]
        # Told to end, its filer waits 15 s for calls that its own gateway keeps open (seaweedfs/seaweedfs pull 11363).
        # By then it takes no more requests, and what it wrote is with the operating system.
        return Launch(arguments, cwd=site.config, env=tool.env, grace=2.0)
