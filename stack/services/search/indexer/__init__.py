"""The daemon that keeps an index up to date, and says how far behind it is."""
