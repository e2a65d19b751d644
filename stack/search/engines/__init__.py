"""Search servers behind one interface: Meilisearch, OpenSearch (and Elasticsearch-compatible servers)."""
