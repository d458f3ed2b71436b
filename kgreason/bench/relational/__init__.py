"""Benchmarks of relational reasoning: paths, inductive links, closures."""
