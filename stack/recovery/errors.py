"""What recovery raises; every error names the rule that it stands for."""

from __future__ import annotations

from stack.errors import EngineRoomError

__all__ = ["BackupError", "RecoveryError", "RefusedError", "RestoreError", "StoreError"]


class RecoveryError(EngineRoomError):
    """Something of recovery was attempted and did not work."""

    def __init__(self, rule: str, what: str, *, on: str = "", got: str = "", fix: str = "") -> None:
        """Name the rule of `stack.recovery.rules`."""
        super().__init__(what, on=on, got=got, fix=fix)
        self.rule = rule

    def __str__(self) -> str:
        """The rule's name comes first."""
        return f"{self.rule}: {super().__str__()}"


class StoreError(RecoveryError):
    """The bucket did not do what it was asked."""


class RefusedError(RecoveryError):
    """It would have been wrong to begin, so nothing was touched."""


class BackupError(RecoveryError):
    """A backup was begun and did not come to its end."""


class RestoreError(RecoveryError):
    """A restore was begun and did not come to its end."""
