"""Progress bars that count bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kgreason.cli.common.terminal import Terminal

Show = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes there will be, where that is known."""


@contextmanager
def byte_bars(terminal: Terminal, name: str) -> Iterator[Callable[[str], Show]]:
    """Bars that count bytes, one for each stage, each shown from its first report on."""
    if terminal.quiet or not terminal.err.is_terminal:
        yield lambda stage: lambda done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.progress import TransferSpeedColumn as Speed

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        Speed(),
        Remaining(),
    )
    with Progress(*columns, console=terminal.err, transient=True) as progress:

        def bar(stage: str) -> Show:
            task = progress.add_task(f"{name}: {stage}", total=None, visible=False)
            return lambda done, total: progress.update(
                task, completed=done, total=total, visible=True
            )

        yield bar
