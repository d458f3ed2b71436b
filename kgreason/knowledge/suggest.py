"""Did you mean: the names most like one that was not found."""

from __future__ import annotations

import difflib

import polars as pl

_SHORTLIST = 200
_LIKE = 0.55
# Enough telling fragments that two or three typing errors leave some of them whole.
_TELLING = 12
_RARE = 0.02
_SAMPLE = 5_000
_CROWD = 20_000


def nearest(name: str, candidates: pl.Series, count: int = 3) -> tuple[str, ...]:
    """Up to `count` distinct candidates like `name`, best first; letter case does not count.

    Candidates that share a telling fragment are ranked by shared fragments, the best of them by
    difflib's ratio, so that a column of millions answers at once.
    """
    wanted = name.strip().lower()
    if not wanted or not len(candidates) or count < 1:
        return ()
    grams = _grams(wanted)
    # A far shorter name cannot be like it; a longer one may hold it (`Paris (city in France)`).
    pool = candidates.filter(candidates.str.len_bytes() >= len(wanted) // 2)
    if len(pool) > _CROWD:
        telling = _telling(grams, pool)
        pool = pool.filter(pool.str.contains_any(telling, ascii_case_insensitive=True))
    return _rank(wanted, _shortlist(grams, pool), count)


def _grams(wanted: str) -> list[str]:
    size = 3 if len(wanted) > 4 else 2 if len(wanted) > 2 else 1
    return sorted({wanted[i : i + size] for i in range(max(1, len(wanted) - size + 1))})


def _telling(grams: list[str], pool: pl.Series) -> list[str]:
    """The fragments that few names have, judged by a sample."""
    sample = pool.sample(min(len(pool), _SAMPLE), seed=0).str.to_lowercase()
    shares = {gram: sample.str.contains(gram, literal=True).sum() / len(sample) for gram in grams}
    rarest = sorted(grams, key=lambda gram: shares[gram])
    # Fragments of a misspelled part occur nowhere; they are harmless but must not be the only ones.
    known = [gram for gram in rarest if shares[gram] > 0]
    few = [gram for gram in known if shares[gram] <= _RARE][:_TELLING] or known[:1]
    return [gram for gram in rarest if shares[gram] == 0] + few


def _shortlist(grams: list[str], pool: pl.Series) -> list[str]:
    # Many candidates: the longest ones are dropped rather than scored.
    if len(pool) > 5 * _CROWD:
        pool = pool.gather(pool.str.len_bytes().arg_sort()[: 5 * _CROWD])
    name = pl.col("name")
    shared = name.str.extract_many(grams, ascii_case_insensitive=True, overlapping=True)
    # Of names that share as much, the shorter are likelier.
    likeness = shared.list.len().cast(pl.Float64) - 0.01 * name.str.len_chars()
    frame = pl.DataFrame({"name": pool}).with_columns(likeness.alias("likeness"))
    return frame.top_k(_SHORTLIST, by="likeness")["name"].to_list()


def _rank(wanted: str, shortlist: list[str], count: int) -> tuple[str, ...]:
    wanted = _spoken(wanted)
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)
    scored: list[tuple[float, str]] = []
    for candidate in dict.fromkeys(shortlist):
        spoken = _spoken(candidate)
        # Being like a longer name's beginning or end counts, a little less than the whole.
        parts = ((spoken, 1.0), (spoken[: len(wanted)], 0.9), (spoken[-len(wanted) :], 0.9))
        score = 0.0
        for part, weight in parts:
            matcher.set_seq1(part)
            score = max(score, weight * matcher.ratio())
        scored.append((-score, candidate))
    return tuple(candidate for score, candidate in sorted(scored)[:count] if score <= -_LIKE)


def _spoken(name: str) -> str:
    return name.lower().replace("_", " ")
