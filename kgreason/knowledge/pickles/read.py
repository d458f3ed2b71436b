"""Reading pickles that others wrote, without letting them run anything."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from kgreason.errors import DataError
from kgreason.knowledge.pickles.weigh import WeightError, weigh

_REMEDY = (
    "download or copy the file again; only dictionaries, lists, tuples, sets, numbers and strings "
    "are read"
)
_PLAIN = (dict, list, tuple, set, frozenset, str, int, float, bool, bytes, type(None))


class _PlainDict:
    """Stands in for `collections.defaultdict`: the same items in a plain dict.

    Without slots or attributes, so that nothing in a pickle can change it.
    """

    __slots__ = ()

    def __call__(self, factory: object = None, /) -> dict[Any, Any]:
        return {}


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "defaultdict"): _PlainDict(),
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (set, frozenset, list, dict, int)
    },
}


class _PlainUnpickler(pickle.Unpickler):
    """Builds containers, numbers and strings; refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None


class _RefusedError(Exception):
    """A pickle asked for a global that is not a plain container."""


def read_plain_pickle(path: str | Path) -> object:
    """The value in a pickle file of plain containers (dict, list, tuple, set, str, numbers, bytes).

    Anything else is refused before it is built, and so is a value that is much larger than its
    file. Raises `DataError` for a missing, truncated or refused file, naming the refused global.
    """
    try:
        data = Path(path).read_bytes()
        weigh(data)
        value: object = _PlainUnpickler(io.BytesIO(data)).load()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", remedy="check the path") from error
    except WeightError as error:
        raise DataError(f"{path}: not a pickle that is read, {error}", remedy=_REMEDY) from error
    except _RefusedError as error:
        raise DataError(
            f"{path}: the pickle asks for {error}, which could run code",
            remedy=_REMEDY,
        ) from error
    except Exception as error:  # any byte string may raise anything in an unpickler
        raise DataError(
            f"{path}: not a whole pickle ({type(error).__name__}: {error})",
            remedy="download or copy the file again",
        ) from error
    if type(value) not in _PLAIN:
        raise DataError(
            f"{path}: the pickle holds a {type(value).__name__}, not a plain container",
            remedy=_REMEDY,
        )
    return value
