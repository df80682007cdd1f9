"""Datasets that may be downloaded without asking anyone, through kagglehub; of the others, whom to ask.

    python -m fer_tf.datasets.download fer2013

kagglehub shows its progress, goes on where it stopped, and keeps what it has (`KAGGLEHUB_CACHE`); here a link to it is put
where `datasets.prepare` looks.
"""

import argparse
import os
import sys
from pathlib import Path

from fer_tf import datasets, paths
from fer_tf.datasets.archives import IMAGES
from fer_tf.errors import InputError, choose, exit_status, first_line

KAGGLE = {
    "fer2013": {"msambare/fer2013": 35887},
    "five_class": {
        "jonathanoheix/face-expression-recognition-dataset": 35887,
        "sudarshanvaidya/random-images-for-face-emotion-recognition": None,
    },
}
"""Dataset -> Kaggle's handles of its parts, each with the number of images that it has, where that is known."""


def download(name, fetch=None):
    """Downloads a dataset, and links it in data/raw/<name>/.

    Args:
        name: one of `datasets.names()`.
        fetch: function of a Kaggle handle to the folder of its files; `kagglehub.dataset_download` by default.
    Returns: Path of data/raw/<name>/, and a list of str, a sentence for each part whose number of images is another.
    Raises InputError: the dataset is given out on request only, kagglehub is not installed, or the download failed.
    """
    choose("dataset", name, [key for key, source in datasets.SOURCES.items() if source.where_to_get_it])
    name = datasets.SOURCES[name].files or name
    folder = paths.raw(name)
    if name not in KAGGLE:
        where = datasets.SOURCES[name].where_to_get_it
        raise InputError(f"{name} cannot be downloaded by a command. {where}, and put it in {folder}.")
    fetch = fetch or _kagglehub()
    differences = []
    for handle, expected in KAGGLE[name].items():
        try:
            source = Path(fetch(handle))
        except Exception as error:  # requests and kagglehub raise a dozen kinds
            what = f"{handle}: the download failed ({first_line(error)}). Give the command again to go on"
            page = f"https://www.kaggle.com/datasets/{handle}"
            raise InputError(f"{what}, or download it by hand from {page} into {folder}.") from error
        images = sum(file.suffix.lower() in IMAGES for file in source.rglob("*"))
        if not images:
            raise InputError(f"{handle}: no images in {source}. Remove that folder and give the command again.")
        if expected not in (None, images):
            differences.append(f"{handle}: {images:,} images, expected {expected:,}.")
        link = folder / handle.rpartition("/")[2]
        folder.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        if link.exists():
            raise InputError(f"{link} is there already, and no link. Remove it, or use it as it is.")
        os.symlink(source, link, target_is_directory=True)
    return folder, differences


def _kagglehub():
    try:
        import kagglehub
    except ImportError as error:
        how = "pip install 'kagglehub==1.0.*' (or pip install '.[download]')"
        raise InputError(f"kagglehub is not installed: {how}.") from error
    return kagglehub.dataset_download


def main(argv=None):
    """Downloads a dataset, where that needs no agreement; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.datasets.download", description=main.__doc__)
    parser.add_argument("dataset")
    args = parser.parse_args(argv)

    def run():
        folder, differences = download(args.dataset)
        print(*differences, folder, sep="\n")

    return exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
