"""Figures of a ranking: filtered ranks of scores, truths and bounds, and their averages."""
