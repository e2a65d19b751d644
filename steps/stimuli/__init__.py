"""Every stimulus of the dashboards, carried out for real: by clients, and by what is done to components.

Each one is bounded in count and time, goes on for as long as the block that it was begun for, and is undone with it.
"""

from __future__ import annotations

from steps.stimuli import cache, database, git, host, jobs, people, recovery, search, telemetry
from steps.stimuli.base import Bench, Stimulus, StimulusError

__all__ = ["CARRIED", "Bench", "Stimulus", "StimulusError"]

CARRIED: dict[str, Stimulus] = {
    **people.STIMULI,
    **git.STIMULI,
    **search.STIMULI,
    **database.STIMULI,
    **cache.STIMULI,
    **jobs.STIMULI,
    **host.STIMULI,
    **telemetry.STIMULI,
    **recovery.STIMULI,
}
