"""Tests of the search engines, most of them on real servers."""
