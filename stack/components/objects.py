"""What every object store of the reference stack has in common: it is S3, and it is probed before it is used."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from stack.addresses import Addresses, ObjectStoreAddress
from stack.components.base import Component, Plan, StartError
from stack.components.objects_probe import Capabilities, probe
from stack.components.s3 import KeepsObjects, ListsBuckets, ensure_bucket
from stack.components.waits import Condition, WaitGaveUpError, wait

__all__ = [
    "BUCKET",
    "OBJECTS",
    "ObjectStore",
    "StoreUnfitError",
    "object_secrets",
    "object_variables",
    "store_address",
    "with_bucket",
]

OBJECTS = "objects"
BUCKET = "forge"
"""Where the services keep attachments and the logs of jobs."""
_FIRST_WRITE_WITHIN = 20.0


def store_address(plan: Plan) -> ObjectStoreAddress:
    """The S3 endpoint of the plan's store."""
    site = plan.site(OBJECTS)
    return ObjectStoreAddress(
        endpoint=f"http://{site.host}:{site.ports['server']}",
        access_key=plan.secrets.objects_access_key,
        secret_key=plan.secrets.objects_secret_key,
    )


def object_variables(plan: Plan) -> dict[str, str]:
    """How a service finds the store; empty when the plan lacks it."""
    if OBJECTS not in plan.sites:
        return {}
    address = store_address(plan)
    return {
        "S3_ENDPOINT": address.endpoint,
        "S3_ACCESS_KEY": address.access_key,
        "S3_BUCKET": BUCKET,
        "S3_REGION": address.region,
    }


def object_secrets(plan: Plan) -> dict[str, str]:
    """What a service shows to the store; empty when the plan lacks it."""
    return {"S3_SECRET_KEY": plan.secrets.objects_secret_key.get_secret_value()} if OBJECTS in plan.sites else {}


def with_bucket(plan: Plan) -> None:
    """See to it that the services' bucket is there, where the plan has a store.

    Raises:
        StartError: the store refused.
    """
    if OBJECTS not in plan.sites:
        return
    address = store_address(plan)
    try:
        ensure_bucket(address, BUCKET)
    except (BotoCoreError, ClientError) as error:
        raise StartError(
            f"The bucket {BUCKET} cannot be made", on=address.endpoint, got=str(error), fix="look at the store's log"
        ) from error


class StoreUnfitError(StartError):
    """An object store answers but lacks something that backups rely on."""

    def __init__(self, store: str, capabilities: Capabilities) -> None:
        """Name the store and keep what was found out about it."""
        super().__init__(
            f"The object store {store} lacks what backups rely on",
            on=", ".join(capabilities.missing),
            got="; ".join(f"{check.name}: {check.seen}" for check in capabilities.checks if not check.ok),
            fix="choose another store with ENGINEROOM_OBJECTS (seaweedfs, versitygw)",
        )
        self.capabilities = capabilities


class ObjectStore(Component):
    """An S3 store that the stack starts itself."""

    name = OBJECTS

    def objects_address(self, plan: Plan) -> ObjectStoreAddress:
        """The S3 endpoint."""
        return store_address(plan)

    def answers(self, plan: Plan) -> Condition:
        """An authenticated listing is answered."""
        return ListsBuckets(self.objects_address(plan))

    def settle(self, plan: Plan) -> None:
        """Write and read once, then find out what the store promises.

        Raises:
            StartError: it lists buckets but keeps no object.
            StoreUnfitError: it lacks a capability.
        """
        address = self.objects_address(plan)
        try:
            wait(KeepsObjects(address), within=_FIRST_WRITE_WITHIN, called_off=plan.called_off)
        except WaitGaveUpError as error:
            raise StartError(
                "The object store answers but keeps no object",
                on=address.endpoint,
                got=str(error),
                fix="look at its log; is the disk full?",
            ) from error
        capabilities = probe(address)
        if capabilities.missing:
            raise StoreUnfitError(self.tools[0], capabilities)

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `objects`."""
        return known.model_copy(update={"objects": self.objects_address(plan)})
