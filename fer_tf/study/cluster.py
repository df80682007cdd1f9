"""Sends one command to a worker of a dask.distributed cluster and waits for it: what `make report CLUSTER=...` puts before a run.

    python -m fer_tf.study.cluster tcp://host:8786 -- .venv/bin/python -m fer_tf.study.execute <yaml>

Make keeps the order of the runs, and the scheduler says which worker is free. The command of a worker that is lost goes to
another, where a training goes on from its last epoch. Every worker sees the project's folder at the same place.
"""

import argparse
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from fer_tf import datasets
from fer_tf.errors import InputError, exit_status, first_line

PASSED_ON = ("FER_TF_", "TF_", "KERAS_")
"""Beginnings of the environment variables that go along, with those that say where a dataset lies."""


def main(argv=None):
    """Executes a command on a worker, its output shown here; returns the command's exit status."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.cluster", description=main.__doc__)
    parser.add_argument("cluster", help="the scheduler's address, such as tcp://host:8786, or its scheduler file")
    parser.add_argument("command", nargs="+", help="what to execute, after --")
    args = parser.parse_args(argv)
    return exit_status(lambda: run(args.cluster, args.command))


def run(cluster, command):
    """Executes a command on a worker, in this folder, and prints what it says line by line.

    Args:
        cluster: str, the scheduler's address or the path of its scheduler file.
        command: list of str.
    Returns: int, the command's exit status.
    Raises InputError: no scheduler answers or it is lost, a worker does not see the folder or the program, or one worker
        after another is lost while executing the command.
    """
    from concurrent.futures import CancelledError

    from distributed import Client, KilledWorker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told below, in one line
    try:
        client = Client(**{"scheduler_file" if Path(cluster).is_file() else "address": cluster})
    except (OSError, ValueError) as error:
        raise InputError(
            f"{cluster}: no scheduler answers there ({first_line(error)}). Start one: dask scheduler."
        ) from error
    key = f"run-{uuid.uuid4()}"
    with client:
        client.subscribe_topic(key, lambda event: print(event[1], flush=True))
        if not client.scheduler_info()["workers"]:
            print(f"{cluster} has no worker yet; waiting for one", flush=True)
        try:
            return client.submit(_execute, command, os.getcwd(), _variables(), key, key=key).result()
        except FileNotFoundError as error:
            raise InputError(
                f"{error.filename}: not there on a worker, which must see this folder as we do."
            ) from error
        except KilledWorker as error:
            raise InputError(f"{first_line(error)} Was memory short?") from error
        except CancelledError as error:
            raise InputError(f"{cluster}: the scheduler was lost. Give the command again when it is back.") from error


def _variables():
    places = {name.upper() for name in datasets.names()}
    return {name: text for name, text in os.environ.items() if name in places or name.startswith(PASSED_ON)}


def _execute(command, folder, variables, topic):
    """On a worker: the command as a process of its own, ended when nobody waits for it any more. Returns its exit status.

    It travels as code (it is of `__main__`), so that neither scheduler nor worker needs this package.
    """
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks[worker.get_current_task()]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **variables}, text=True, errors="replace", **pipes
    ) as process:

        def watch():
            while process.poll() is None:
                if task.state != "executing":
                    process.terminate()
                time.sleep(0.5)

        threading.Thread(target=watch, daemon=True).start()
        for line in process.stdout:
            worker.log_event(topic, line.rstrip("\n"))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
