"""One module per server: configuration, start, readiness, faults."""
