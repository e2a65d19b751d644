"""What the Python services share: settings, an HTTP server with limits, telemetry, logs."""
