"""The commands under `kgreason bench`."""
