"""Tests of stack/telemetry."""
