"""Tests of stack.telemetry's dashboards and of the panels in them."""
