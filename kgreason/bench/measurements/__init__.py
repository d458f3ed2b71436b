"""Speed measured against dense products."""
