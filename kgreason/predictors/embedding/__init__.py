"""Embedding models as scorers: ComplEx, DistMult, and PyKEEN's."""
