"""`python -m stack` is the `engineroom` command."""

from __future__ import annotations

from stack.cli import main

main()
