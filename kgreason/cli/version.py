"""`kgreason version`: what is installed here."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version

import typer

from kgreason import __version__
from kgreason.cli.common.command import command
from kgreason.cli.common.terminal import Terminal

_PACKAGES = ("pykeen", "polars", "pyoxigraph", "rdflib", "safetensors", "numpy")


def version(terminal: Terminal) -> None:
    """Show the versions of what matters here, and whether there is a GPU."""
    lines = [
        ("kgreason", __version__),
        ("python", f"{platform.python_version()} ({platform.platform()})"),
        ("torch", f"{installed('torch')} ({_cuda()})"),
        *((name, installed(name)) for name in _PACKAGES),
    ]
    for name, found in lines:
        terminal.print(f"{name:<12} {found}")


def installed(package: str) -> str:
    """A package's version, learnt without importing it."""
    try:
        return distribution_version(package)
    except PackageNotFoundError:
        return "not installed"


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return "no CUDA"
    bfloat16 = "with" if torch.cuda.is_bf16_supported() else "without"
    return f"CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}, {bfloat16} bf16"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "version", version)
