"""`kgreason rules`: Horn rules mined from a model's relations, shown, and ranked by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kgreason.choose import require
from kgreason.cli.common.command import command
from kgreason.cli.common.options import GraphOptions, offer
from kgreason.cli.common.output import write_whole
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import load_graph
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError
from kgreason.settings import Settings

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.rules import MiningOptions, RuleSet
    from kgreason.rules.rule import Combine, Weight

app = typer.Typer(
    help="Mine Horn rules from a model, show them, rank held-out facts by them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RulesFile = Annotated[Path, typer.Argument(metavar="RULES", help="A file of rules.")]
Observed = Annotated[
    str | None,
    typer.Option("--observed", metavar="SPLIT,…", help="Splits whose facts are known, or `all`."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """Which rules are looked for, and which of them are kept."""

    length: Annotated[int, typer.Option(help="Most links in a body, 1 to 3.")] = 3
    candidates: Annotated[
        int, typer.Option(help="Bodies of each length looked at for each relation.")
    ] = 150
    support: Annotated[int, typer.Option(help="Least number of facts that a rule explains.")] = 5
    confidence: Annotated[float, typer.Option(help="Least standard confidence.")] = 0.001
    pca: Annotated[float, typer.Option(help="Least PCA confidence.")] = 0.01
    per_relation: Annotated[int, typer.Option(help="Most rules about one relation.")] = 200

    def mining(self) -> MiningOptions:
        """The same for the miner."""
        from kgreason.rules import MiningOptions

        return MiningOptions(
            length=self.length,
            candidates=self.candidates,
            support=self.support,
            confidence=self.confidence,
            pca=self.pca,
            per_relation=self.per_relation,
        )


def mine(
    terminal: Terminal,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RULES", help="File to write, rules.txt.")
    ],
    graph: GraphOptions,
    reading: ReadingOptions,
    least: Least,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FILE", help="A ComplEx or DistMult checkpoint."),
    ] = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Without a model: measure every body there is.")
    ] = False,
    observed: Observed = None,
    combine: Annotated[
        str,
        typer.Option(
            metavar="max|noisy-or",
            help="How rules that agree make a truth.",
            autocompletion=offer("max", "noisy-or"),
        ),
    ] = "noisy-or",
    weight: Annotated[
        str,
        typer.Option(
            metavar="pca|confidence",
            help="Which figure is a rule's truth.",
            autocompletion=offer("pca", "confidence"),
        ),
    ] = "confidence",
) -> None:
    """Mine rules: candidates from the relations' embeddings, figures from the facts."""
    from kgreason.rules import COMBINES, WEIGHTS, RuleSet, mine_exhaustively, write_rules

    require("t-conorm", combine, COMBINES)
    require("weight", weight, WEIGHTS)
    if exhaustive == (model is not None):
        raise UsageError("rules are mined from a model, or --exhaustive", remedy="give -m FILE")
    options = least.mining()
    loaded = load_graph(terminal, graph.graph, reading)
    index = loaded.index(observed_splits(loaded, observed))
    with terminal.bar("mining", 1) as show:
        progress = lambda done, total, text: show(done, text, total)  # noqa: E731
        if model is None:
            found = mine_exhaustively(index, options, progress)
        else:
            from kgreason.predictors import relation_weights
            from kgreason.rules import mine_rules

            weights = relation_weights(model, loaded.vocabulary)
            found = mine_rules(weights, index, options, progress)
    rules = RuleSet(found.rules, cast("Combine", combine), cast("Weight", weight))
    write_whole(output, write_rules(rules, loaded.vocabulary))
    terminal.note(
        f"{output}: {len(rules):,} rules about {len({r.head for r in rules.rules}):,} relations, "
        f"{found.bodies:,} bodies measured ({found.seconds[0]:.1f} s looking for bodies, "
        f"{found.seconds[1]:.1f} s measuring)"
    )


def from_table(
    terminal: Terminal,
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A composition table, see `bench closure`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RULES", help="File to write, rules.txt.")
    ],
    graph: GraphOptions,
    reading: ReadingOptions,
) -> None:
    """Turn a composition table into rules, for a graph that has its relations."""
    from kgreason.calculi import read_table
    from kgreason.rules import rules_of_table, write_rules

    read = read_table(table)
    loaded = load_graph(terminal, graph.graph, reading)
    rules = rules_of_table(read, loaded.vocabulary)
    write_whole(output, write_rules(rules, loaded.vocabulary))
    terminal.note(
        f"{output}: {len(rules):,} rules from {read.informative:,} cells that exclude something"
    )


def show(
    terminal: Terminal,
    file: RulesFile,
    graph: GraphOptions,
    reading: ReadingOptions,
    relation: Annotated[
        str | None, typer.Option("--relation", metavar="NAME", help="Only rules about this.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many.")] = None,
) -> None:
    """Show rules, best first; what is wrong in the file is pointed at."""
    from kgreason.rules import spell_rule

    loaded, rules = _read(terminal, file, graph, reading)
    chosen = rules.rules
    if relation is not None:
        wanted = loaded.vocabulary.find_relation(relation)
        if not wanted:
            near = ", ".join(loaded.vocabulary.nearest_relations(relation))
            raise UsageError(f"no relation {relation!r}", remedy=f"nearest: {near}")
        chosen = tuple(rule for rule in chosen if rule.head // 2 in wanted)
    ranked = sorted(chosen, key=lambda rule: -(rule.figures.pca if rule.figures else 0.0))
    for rule in ranked[:limit]:
        terminal.print(spell_rule(rule, loaded.vocabulary))
    terminal.note(f"{len(ranked[:limit]):,} of {len(rules):,} rules")


def evaluate(
    terminal: Terminal,
    file: RulesFile,
    graph: GraphOptions,
    reading: ReadingOptions,
    split: Annotated[
        str, typer.Option("--split", metavar="SPLIT", help="Facts to rank.")
    ] = "valid",
    most: Annotated[
        int, typer.Option("--most", min=1, help="Most facts ranked, evenly spread.")
    ] = 4000,
    observed: Observed = None,
) -> None:
    """Rank held-out facts by the rules, filtered, in both directions."""
    loaded, rules = _read(terminal, file, graph, reading)
    splits = observed_splits(loaded, observed)
    if split in splits or split not in loaded.splits:
        others = [name for name in loaded.splits if name not in splits]
        raise UsageError(
            f"the split {split!r} is {'observed' if split in splits else 'not there'}",
            remedy=f"rank one of: {', '.join(others) or '(none: all splits are observed)'}",
        )
    with terminal.stage("torch", "starting"):
        from kgreason.bench.measurements.link_ranks import rank_facts
        from kgreason.predictors.rules import RulePredictor

    index = loaded.index(splits)
    predictor = RulePredictor(rules, index, rankable=~loaded.vocabulary.literal)
    with terminal.stage("rank", f"ranking facts of {split}"):
        figures = rank_facts(predictor, loaded.facts([split]), loaded.index(), most=most)
    terminal.print(f"{split}: {figures or 'no facts to rank'}")


def observed_splits(graph: KnowledgeGraph, chosen: str | None) -> tuple[str, ...]:
    """The splits whose facts are known."""
    return Settings.of(observed=chosen).splits(graph)


def _read(
    terminal: Terminal, file: Path, graph: GraphOptions, reading: ReadingOptions
) -> tuple[KnowledgeGraph, RuleSet]:
    from kgreason.rules import read_rules

    loaded = load_graph(terminal, graph.graph, reading)
    return loaded, read_rules(file, loaded.vocabulary)


command(app, "mine", mine)
command(app, "from-table", from_table)
command(app, "show", show)
command(app, "eval", evaluate)
