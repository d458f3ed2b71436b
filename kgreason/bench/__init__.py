"""Benchmarks: suites of questions, exactness, ranking metrics."""
