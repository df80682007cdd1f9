"""Runs on a cluster: a worker executes the command, its output is shown here, and another takes over what a lost one had."""

import os
import signal
import subprocess
import sys
import time

import pytest
import soak
from conftest import PROJECT

distributed = pytest.importorskip("distributed")


@pytest.fixture
def address():
    """The address of a scheduler with two workers on this machine, one command at a time on each."""
    with distributed.LocalCluster(**soak.ON_LOOPBACK) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def send(address, tmp_path):
    """A function that sends a shell's script to the cluster; returns the waiting process, its stdout a pipe."""
    begun = []

    def start(script):
        command = [sys.executable, "-m", "fer_tf.study.cluster", address, "--", "sh", "-c", script]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "FER2013": "elsewhere"}
        begun.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_lost_workers_command_is_taken_over_and_a_stopped_one_ends_on_its_worker(send, tmp_path):
    stopped = send("echo $$; exec sleep 60")
    kept = send('echo $PPID; until test -e go; do sleep 0.1; done; echo "$FER2013 $(pwd)"; exit 7')
    pid, worker = int(stopped.stdout.readline()), int(kept.stdout.readline())
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait() == 130
    while is_there(pid):
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    assert int(kept.stdout.readline()) != worker
    (tmp_path / "go").touch()
    assert kept.communicate()[0] == f"elsewhere {tmp_path}\n" and kept.returncode == 7
