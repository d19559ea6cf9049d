"""The HTTP adapter: thin routes, one translator of errors."""
