"""Bytes and records to search documents: pure text work, no git, no engine, no network."""
