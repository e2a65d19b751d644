"""The reference deployment of the forge and the modules it runs."""
