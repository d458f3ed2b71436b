"""Tests of what stands before the parsers."""
