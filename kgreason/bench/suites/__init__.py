"""Question sets: the published layouts, and what they are checked against."""
