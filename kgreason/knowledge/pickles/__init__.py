"""Reading pickles that others wrote, without letting them run anything or go on for ever."""

from kgreason.knowledge.pickles.read import read_plain_pickle

__all__ = ["read_plain_pickle"]
