"""New questions sampled from a graph."""
