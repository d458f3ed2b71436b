"""Training of graph networks."""
