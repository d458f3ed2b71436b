"""The hash by which a run says what it was asked."""

from __future__ import annotations

import hashlib

from kgreason.bench.suites.questions import Suite


def suite_fingerprint(suite: Suite) -> str:
    """SHA-256 of all questions and their published answers."""
    digest = hashlib.sha256()
    for name, questions in suite.questions.items():
        for question in questions:
            digest.update(f"{name}\n{question.key!r}\n".encode())
            for ids in (question.easy, question.hard):
                digest.update(len(ids).to_bytes(8, "little") + ids.astype("<i8").tobytes())
    return digest.hexdigest()
