"""All commands under one name."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from kgreason import __version__
from kgreason.cli import data, explain, load, model, query, relate, rules, train, version
from kgreason.cli.bench import app as bench
from kgreason.cli.common.errors import guarded
from kgreason.cli.common.streams import give_up_output, prepare_streams
from kgreason.cli.common.terminal import Terminal

EXIT_CODES = (
    "Exit codes: 0 ok, 1 run-time failure, 2 usage or syntax, 3 unknown name, 4 unsupported, "
    "5 limit exceeded, 130 interrupted, 143 terminated."
)
TERMINATED = 143

app = typer.Typer(
    name="kgreason",
    help="Ask logical questions of an incomplete knowledge graph.",
    epilog=f"Data goes to standard output, everything else to standard error. {EXIT_CODES}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
load.register(app)
query.register(app)
explain.register(app)
relate.register(app)
train.register(app)
app.add_typer(model.app, name="model")
app.add_typer(rules.app, name="rules")
app.add_typer(bench.app, name="bench")
app.add_typer(data.app, name="data")
version.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        Terminal().print(f"kgreason {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Ask logical questions of an incomplete knowledge graph."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """End by an exception, so that whatever is being written is removed on the way out."""
    sys.exit(TERMINATED)


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    prepare_streams()
    try:
        # Help and mistakes in the options are written outside of any command.
        with guarded(Terminal()):
            _run()
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    finally:
        give_up_output()


def _run() -> None:
    try:
        app(prog_name="kgreason")
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            # The library calls that a failure; whoever reads the first lines of a help does not.
            raise ended.__context__ from None
        if not ended.code:
            sys.stdout.flush()
        raise
