"""Checkpoint files: the format, what other programs write, fingerprints."""
