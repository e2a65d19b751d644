"""The search over HTTP, and the daemon that keeps its index up to date."""
