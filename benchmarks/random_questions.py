"""Random questions through the engine, every claim compared with an outside judge.

Small random graphs and truth tables, all connectives, cycles, templates, 0 to 3 answer variables,
every logic, both semantics, budgets, limits, offsets, orders, `new` and witnesses. Prints the
differences with the seed and number of their case, and how many questions of which kind were asked.
Ends with status 1 if there is a difference or an exception; an interrupt ends it sooner.

    python benchmarks/random_questions.py [COUNT] [--seed SEED] [--case NUMBER]
        [--budgeted 0 1 2 3] [--new 0 1 2 3]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.agreement.campaign import Scope, run

_SHOWN = 20


def main() -> int:
    """Ask, compare and print; the status of the process."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("count", type=int, nargs="?", default=20_000, help="questions to ask")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--case", type=int, help="only the case of this number")
    for name in ("budgeted", "new"):
        text = f"answer variables of the questions asked so ({name})"
        parser.add_argument(f"--{name}", type=int, nargs="*", default=[0, 1, 2, 3], help=text)
    options = parser.parse_args()
    scope = Scope(tuple(options.budgeted), tuple(options.new))
    numbers = itertools.count() if options.case is None else [options.case]
    tally: Counter[str] = Counter()
    wrong = 0
    for number in numbers:
        if tally["questions"] >= options.count:
            break
        try:
            found = [str(one) for one in run(options.seed, number, scope, tally)]
        except KeyboardInterrupt:
            break
        except Exception:
            found = [f"{options.seed}/{number}: {traceback.format_exc()}"]
        for one in found[: max(0, _SHOWN - wrong)]:
            print(one, flush=True)
        wrong += len(found)
    print(*(f"{count:,} {kind}" for kind, count in tally.most_common()), sep="\n")
    print(f"{wrong:,} differences")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
