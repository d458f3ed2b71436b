"""Runs of a question set: records, metrics, tables."""
