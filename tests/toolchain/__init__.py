"""Tests of the toolchain: offline, with small wheels and stand-ins for the package managers' programs."""
