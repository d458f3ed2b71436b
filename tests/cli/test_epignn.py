"""A model trained on one graph answers over another."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

TRAINING = ("--dimension", "16", "--argument", "facets=4", "--epochs", "3", "--seed", "1")
OTHER = "xenia\tfriend\tyuri\nyuri\tworks_at\tumbrella\nzoe\tfriend\tyuri\nzoe\tlikes\ttea\n"


def test_questions_over_entities_never_seen(run: Run, friends: Path, tmp_path: Path) -> None:
    model, other = tmp_path / "m.safetensors", tmp_path / "other.tsv"
    other.write_text(OTHER)
    ran = run("train", friends, "-o", model, "--model", "epignn", *TRAINING)
    assert (ran.code, ran.out) == (0, ""), ran.err
    question = "?y : exists x . friend(xenia, x) & works_at(x, y) & !likes(y, xenia)"
    asked = run("query", "-g", other, "-m", model, "-q", question)
    assert asked.code == 0, asked.err
    assert asked.out.splitlines()[1].startswith("<umbrella>\t")
    assert "EpiGNN (4 facets of 4, mean" in asked.err
    shown = run("model", "show", model).out
    assert "any with its relations: friend, works_at, likes" in shown


def test_a_graph_of_other_relations_is_refused(run: Run, friends: Path, tmp_path: Path) -> None:
    model, other = tmp_path / "m.safetensors", tmp_path / "other.tsv"
    other.write_text(OTHER.replace("works_at", "employed_by"))
    assert run("train", friends, "-o", model, "-m", "epignn", *TRAINING).code == 0
    ran = run("query", "-g", other, "-m", model, "-q", "?y : friend(xenia, y)")
    assert ran.code == 1
    assert "employed_by" in ran.err
    assert "leave these facts out" in ran.err


def test_a_relation_without_facts_in_the_new_graph_can_be_asked(
    run: Run, friends: Path, tmp_path: Path
) -> None:
    model, other = tmp_path / "m.safetensors", tmp_path / "other.tsv"
    other.write_text("xenia\tfriend\tyuri\nyuri\tworks_at\tumbrella\n")
    assert run("train", friends, "-o", model, "-m", "epignn", *TRAINING).code == 0
    arguments = ("-g", other, "-m", model, "--observed-truth", "none")
    asked = run("query", *arguments, "-q", "?y : likes(xenia, y)")
    assert asked.code == 0, asked.err
    assert {line.split("\t")[0] for line in asked.out.splitlines()[1:]} >= {"<yuri>"}
    related = run("relate", "xenia", "umbrella", *arguments, "--format", "table")
    assert related.code == 0, related.err
    assert "likes" in related.out
    assert "by friend(xenia, yuri) ∧ works_at(yuri, umbrella)" in related.out
    explained = run("explain", *arguments, "-q", "ask : likes(xenia, umbrella)")
    assert "by friend(xenia, yuri) ∧ works_at(yuri, umbrella)" in explained.out
    # Without the model nobody knows of it.
    assert run("query", "-g", other, "-q", "?y : likes(xenia, y)").code == 3


def test_bad_arguments_are_refused(run: Run, friends: Path, tmp_path: Path) -> None:
    ran = run("train", friends, "-o", tmp_path / "m", "-m", "epignn", "--argument", "hops=2")
    assert ran.code == 2
    assert "no argument 'hops'" in ran.err
