"""Rows of a model kept on disk."""
