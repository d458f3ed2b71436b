"""What stands before the parsers: limits, and scanners that follow a document to enforce them."""

from kgreason.knowledge.sources.guard.limits import DEFAULT_LIMITS, ReadingLimits
from kgreason.knowledge.sources.guard.stream import GuardedStream, scanner_for

__all__ = ["DEFAULT_LIMITS", "GuardedStream", "ReadingLimits", "scanner_for"]
