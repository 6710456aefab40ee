"""Readers: labelled pictures in, streams of frames out.

>>> from cil_nodes.datasets import open_dataset
>>> train = open_dataset("grocery", "train")      # doctest: +SKIP
>>> train.images[0].shape, train.labels[0]        # doctest: +SKIP
"""

from cil_nodes.datasets.images import DatasetError, DatasetMissingError, ImageDataset, LazyImages
from cil_nodes.datasets.reading import available_datasets, data_folder, open_dataset

__all__ = [
    "DatasetError",
    "DatasetMissingError",
    "ImageDataset",
    "LazyImages",
    "available_datasets",
    "data_folder",
    "open_dataset",
]
