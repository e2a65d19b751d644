"""Step definitions: they call stack, they hold no logic."""
