"""Tests of this project's own code."""
