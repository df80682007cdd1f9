"""Kernels forked from a process that has imported TensorFlow, as `soak.py` forks its trainings: half of a small notebook's time
was imports. Kernels that start from nothing: test_execute.py, and the folders of one's own in test_standin_studies.py.
"""

import multiprocessing
import os
import sys
import time
from multiprocessing import forkserver

from jupyter_client.provisioning import local_provisioner

from fer_tf.study.execute import THREADS

CONTEXT = multiprocessing.get_context("forkserver")
IMPORTED = [
    "ipykernel.kernelapp",
    "sklearn.ensemble",
    "sklearn.svm",
    *(f"fer_tf.{name}" for name in ("evaluation", "figures", "models", "training.classical")),
]


class Kernel:
    """A forked kernel with those attributes of `subprocess.Popen` that jupyter_client takes."""

    stdin = stdout = stderr = None

    def __init__(self, command, env, **_):
        arguments = command[3:]  # without python -m ipykernel_launcher
        self.process = CONTEXT.Process(target=_serve, args=(arguments, env, os.getcwd()))
        self.process.start()
        self.pid = self.process.pid
        while (
            self.process.exitcode is None and os.getpgid(self.pid) != self.pid
        ):  # signals go to its group, which must not be that of the tests
            time.sleep(0.01)

    def poll(self):
        return self.process.exitcode

    def wait(self):
        self.process.join()
        return self.process.exitcode


def _serve(arguments, env, folder):
    from ipykernel import kernelapp

    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    # It ends where its parent does.
    kernelapp.launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


def fork(patch):
    """Lets kernels be forked, of one thread each, as long as a `pytest.MonkeyPatch` lasts; on Linux only, as macOS's own
    libraries do not bear it.
    """
    if sys.platform != "linux":
        return
    for name in THREADS:  # libraries read these when they are imported
        patch.setenv(name, "1")
    CONTEXT.set_forkserver_preload(IMPORTED)
    forkserver.ensure_running()
    patch.setattr(local_provisioner, "launch_kernel", Kernel)
