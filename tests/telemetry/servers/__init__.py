"""Tests with the real servers of telemetry."""
