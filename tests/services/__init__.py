"""The services, as processes, against real servers."""
