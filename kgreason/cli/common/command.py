"""Registering a command: groups of options are dataclasses, declared once and shared."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from kgreason.cli.common.errors import guarded
from kgreason.cli.common.terminal import Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """What every command understands."""

    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Only data and errors.", rich_help_panel="General"),
    ] = False
    no_color: Annotated[
        bool,
        typer.Option("--no-color", help="No colours (or set NO_COLOR).", rich_help_panel="General"),
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show tracebacks (or set KGREASON_DEBUG=1).",
            rich_help_panel="General",
        ),
    ] = False

    def terminal(self) -> Terminal:
        """The streams as these options want them."""
        return Terminal(quiet=self.quiet, color=not self.no_color, debug=self.debug)


def command(app: typer.Typer, name: str, function: Callable[..., None]) -> None:
    """Register `function(terminal, …)`, guarded, under a name.

    A parameter annotated with a dataclass stands for all of its fields, each of which becomes an
    argument or option; the other parameters are typer's own. The general options are added.
    """
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    hints.pop("terminal")
    groups = {key: hint for key, hint in hints.items() if dataclasses.is_dataclass(hint)}
    own = {key: hint for key, hint in hints.items() if key not in groups}

    def run(**given: Any) -> None:
        terminal = _take(General, given).terminal()
        with guarded(terminal):
            grouped = {key: _take(kind, given) for key, kind in groups.items()}
            function(terminal, **grouped, **given)

    defaults = inspect.signature(function).parameters
    parameters = [_parameter(key, hint, defaults[key].default) for key, hint in own.items()]
    for kind in (*groups.values(), General):
        parameters += _fields(kind)
    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app.command(name, context_settings={"help_option_names": ["-h", "--help"]})(run)


def _fields(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    missing = inspect.Parameter.empty
    return [
        _parameter(
            field.name,
            hints[field.name],
            missing if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(kind)
    ]


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _take(kind: Any, given: dict[str, Any]) -> Any:
    """An instance of a group from its fields, which leave `given`."""
    return kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
