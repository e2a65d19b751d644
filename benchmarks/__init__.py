"""Repeatable measurements, printed as ratios against a named peer or tool of the same run."""
