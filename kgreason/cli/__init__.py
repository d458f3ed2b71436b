"""The command line: arguments in, text out. Nothing heavy is imported before a command runs."""

from kgreason.cli.app import app, main

__all__ = ["app", "main"]
