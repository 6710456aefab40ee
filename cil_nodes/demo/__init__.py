"""The demo: the real graph, taught by a scripted person, and the report of it."""
