"""ULTRA: a graph foundation model that predicts over graphs it was never trained on."""
