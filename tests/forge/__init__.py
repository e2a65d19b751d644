"""Tests of stack/forge."""
