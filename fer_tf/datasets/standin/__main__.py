"""`python -m fer_tf.datasets.standin LAYOUT FOLDER`, see `fer_tf.datasets.standin`."""

import argparse
import sys
from pathlib import Path

from fer_tf.datasets.standin import LAYOUTS, PER_CLASS, write
from fer_tf.errors import exit_status


def main(argv=None):
    """Writes drawn faces in the layout of a dataset; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.datasets.standin", description=main.__doc__)
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=PER_CLASS["train"], help="images of each class to train on")
    parser.add_argument("--test", type=int, default=PER_CLASS["test"], help="and to test on")
    args = parser.parse_args(argv)
    return exit_status(lambda: print(write(args.layout, args.folder, {"train": args.train, "test": args.test})))


if __name__ == "__main__":
    sys.exit(main())
