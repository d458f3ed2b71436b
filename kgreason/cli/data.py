"""`kgreason data`: published question sets, fetched and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.common.bars import byte_bars
from kgreason.cli.common.command import command
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import DataError

if TYPE_CHECKING:
    from kgreason.data import Dataset

app = typer.Typer(
    help="List, fetch and verify published question sets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _names(incomplete: str) -> list[str]:
    from kgreason.data import catalog

    return [name for name in catalog() if name.startswith(incomplete)]


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As `data list` shows it.", autocompletion=_names)
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        help="Folder that holds data sets, by default in the cache (KGREASON_CACHE).",
    ),
]


def list_datasets(terminal: Terminal, to: To = None) -> None:
    """List what is described, with licence and where it lies, one a line."""
    from kgreason.data import catalog

    rows = [("name", "layout", "size", "there", "licence")]
    rows += [
        (one.name, one.layout, _size(one.size), "yes" if _is_here(one, to) else "no", one.licence)
        for one in catalog().values()
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        terminal.print("  ".join([*cells, row[-1]]))


def show(terminal: Terminal, name: Name, to: To = None) -> None:
    """Show one description: addresses, checksum, licence, folders of questions, citation."""
    from kgreason.data import dataset_folder, find_dataset

    one = find_dataset(name)
    by_hand = (f"none: by hand from {one.page}",)
    lines = [
        ("title", one.title),
        ("layout", one.layout),
        ("page", one.page),
        *(("address", address) for address in one.addresses or by_hand),
        ("size", _size(one.size)),
        ("sha256", one.sha256 or "not published: recorded at the first pull"),
        *((("md5", one.md5),) if one.md5 else ()),
        ("licence", one.licence),
        *(("questions", str(dataset_folder(one, to) / suite)) for suite in one.suites),
        *((("note", one.notes.strip()),) if one.notes else ()),
    ]
    for field, value in lines:
        terminal.print(f"{field:<10} {value}")
    terminal.print(one.bibtex())


def pull_dataset(
    terminal: Terminal,
    name: Name,
    to: To = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="An archive that you fetched by hand."),
    ] = None,
) -> None:
    """Fetch a data set, check and unpack it; an interrupted download is continued."""
    from kgreason.data import find_dataset, pull
    from kgreason.data.pull import Watch

    one = find_dataset(name)
    with byte_bars(terminal, one.name) as bar:
        watch = Watch(bar("fetching"), bar("unpacking"))
        pulled = pull(one, to=to, source=source, watch=watch)
    if not pulled.fresh:
        terminal.note(f"{one.name} is there already; `kgreason data verify {one.name}` checks it")
    elif pulled.first_use:
        terminal.note(
            f"no SHA-256 of {one.archive} is published; this one has "
            f"{pulled.manifest.archive.sha256}, recorded and required from now on"
        )
    terminal.note(f"licence: {one.licence}")
    there = [pulled.folder / suite for suite in one.suites if (pulled.folder / suite).is_dir()]
    for folder in there or [pulled.folder]:
        terminal.print(str(folder))


def verify_dataset(terminal: Terminal, name: Name, to: To = None) -> None:
    """Compare every file with its checksum at the pull; exit code 1 if any is not as it was."""
    from kgreason.data import Manifest, dataset_folder, find_dataset, verify

    one = find_dataset(name)
    folder = dataset_folder(one, to)
    manifest = Manifest.read(folder)
    if manifest is None:
        raise DataError(
            f"{one.name} is not at {folder}", remedy=f"fetch it with `kgreason data pull {name}`"
        )
    with byte_bars(terminal, one.name) as bar:
        found = verify(folder, manifest, bar("verifying"))
    for path in found.missing:
        terminal.print(f"missing  {path}")
    for path in found.changed:
        terminal.print(f"changed  {path}")
    if not found.is_whole:
        raise DataError(
            f"{len(found.missing) + len(found.changed)} of {found.checked} files of {one.name} "
            "are not as they were pulled",
            remedy=f"delete {folder} and pull it again",
        )
    terminal.print(f"{found.checked:,} files of {one.name} are as they were pulled")


def _is_here(one: Dataset, to: Path | None) -> bool:
    from kgreason.data import dataset_folder
    from kgreason.data.manifest import MANIFEST

    return (dataset_folder(one, to) / MANIFEST).is_file()


def _size(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1e6:,.0f} MB"


command(app, "list", list_datasets)
command(app, "show", show)
command(app, "pull", pull_dataset)
command(app, "verify", verify_dataset)
