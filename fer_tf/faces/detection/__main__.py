"""The command that fetches the detectors' weights, see `weights`."""

import argparse
import sys
from pathlib import Path

from fer_tf.errors import InputError, exit_status
from fer_tf.faces.detection import weights


def main(argv=None):
    """Fetch the detectors' weights and tell where they lie."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.faces.detection", description=main.__doc__)
    parser.add_argument("--only", choices=weights.CATALOG, help="one detector's, whatever its license")
    parser.add_argument(
        "--to", type=lambda text: Path(text).absolute(), metavar="FOLDER", help="where to; data/models by default"
    )
    parser.add_argument("--missing", choices=weights.CATALOG, help="one detector's, unless it is there already")
    args = parser.parse_args(argv)
    if args.missing:
        if weights.present(args.missing):
            return 0
        args.only = args.missing
    return exit_status(lambda: _fetch(args))


def _fetch(args):
    failed = False
    for entry in weights.CATALOG.values():
        if not (args.only == entry.name or (args.only is None and entry.free)):
            continue
        try:
            print(f"{weights.describe(entry)}\n  file     {weights.fetch(entry.name, args.to)}", flush=True)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
