"""Tests of the logic behind the steps: what can be told without a stack."""
