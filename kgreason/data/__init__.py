"""Published question sets: what there is, fetching it, checking that it is still whole."""

from kgreason.data.catalog import Dataset, catalog, find_dataset
from kgreason.data.manifest import Manifest, Verification, verify
from kgreason.data.pull import Pulled, dataset_folder, pull

__all__ = [
    "Dataset",
    "Manifest",
    "Pulled",
    "Verification",
    "catalog",
    "dataset_folder",
    "find_dataset",
    "pull",
    "verify",
]
