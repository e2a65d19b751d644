"""Tests of the verdict and its evidence."""
