"""The object stores' configuration."""

from __future__ import annotations

import json

from stack.components.base import Plan
from stack.components.seaweedfs import SeaweedFS
from stack.components.versitygw import VersityGateway


def test_seaweedfs_knows_one_administrator_and_nobody_anonymous(plan: Plan) -> None:
    """Its identities hold the generated keys and no other name."""
    (identity,) = json.loads(SeaweedFS().files(plan)["s3.json"])["identities"]
    assert identity["credentials"] == [{"accessKey": "ACCESS", "secretKey": "secret-objects"}]
    assert identity["name"] != "anonymous"


def test_seaweedfs_sends_nothing_home(plan: Plan) -> None:
    """Its telemetry, on by default, is off."""
    assert "-master.telemetry=false" in SeaweedFS().launch(plan).arguments


def test_seaweedfs_sockets_elsewhere_are_named(plan: Plan) -> None:
    """The sockets that it makes outside its folder are told by port, so that whoever ends it can remove them."""
    ports = plan.site("objects").ports
    names = {path.name for path in SeaweedFS().outside(plan)}
    assert names == {
        f"seaweedfs-{role}-grpc-{ports[f'{role}-grpc']}.sock" for role in ("master", "volume", "filer", "s3")
    }


def test_versitygw_gets_its_keys_by_environment(plan: Plan) -> None:
    """Its root account is in the environment, and its folders are absolute."""
    launch = VersityGateway().launch(plan)
    assert launch.env["ROOT_ACCESS_KEY"] == "ACCESS"
    assert launch.env["ROOT_SECRET_KEY"] == "secret-objects"
    assert str(launch.arguments[-1]).startswith("/")
