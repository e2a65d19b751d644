"""The drill: from bucket and keys alone to a forge that does what a forge does, with evidence."""

from __future__ import annotations

from stack.recovery.drill.report import Loss, Report, Stage
from stack.recovery.drill.run import STAGES, Booted, Handed, run_drill
from stack.recovery.drill.serve import Forge, ServeError

__all__ = ["STAGES", "Booted", "Forge", "Handed", "Loss", "Report", "ServeError", "Stage", "run_drill"]
