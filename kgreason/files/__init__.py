"""Files that are there whole or not at all, and files that are what they were when written."""

from kgreason.files.temporary import replacing, temporary_file, temporary_folder

__all__ = ["replacing", "temporary_file", "temporary_folder"]
