"""The search service and the indexer."""
