"""Horn rules: mined from relation embeddings, measured on facts, written and read as text."""

from kgreason.rules.from_table import rules_of_table
from kgreason.rules.joins import blocks, first_path, reach
from kgreason.rules.measure import Measurer
from kgreason.rules.mine import Mined, MiningOptions, measured, mine_exhaustively, mine_rules
from kgreason.rules.rule import COMBINES, WEIGHTS, Figures, Rule, RuleSet
from kgreason.rules.text import parse_rules, read_rules, spell_rule, write_rules

__all__ = [
    "COMBINES",
    "WEIGHTS",
    "Figures",
    "Measurer",
    "Mined",
    "MiningOptions",
    "Rule",
    "RuleSet",
    "blocks",
    "first_path",
    "measured",
    "mine_exhaustively",
    "mine_rules",
    "parse_rules",
    "reach",
    "read_rules",
    "rules_of_table",
    "spell_rule",
    "write_rules",
]
