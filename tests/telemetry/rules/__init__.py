"""Tests of stack.telemetry.rules."""
