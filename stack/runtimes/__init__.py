"""Where components run: processes on loopback, containers, a cluster, or someone else's deployment."""
