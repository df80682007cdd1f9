"""A training that two devices share is the training of one."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fer_tf.errors import InputError
from fer_tf.training import distribute

TRAININGS = """
import json, sys
import tensorflow as tf
from pathlib import Path
from fer_tf import models, training
from fer_tf.datasets.sample import sample

processor, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
faces = sample(150, 24)
train, validation = faces.split("train"), faces.split("validation")
for devices in (1, 2):
    training.make_deterministic(0, 1)
    if devices > 1:
        training.distribute(devices, "CPU")
    folder = Path(sys.argv[1], str(devices))
    for epochs in (1, 3):  # the second goes on from the checkpoint of the first
        network = models.build("shallow", (24, 24, 1), 7, filters=[4, 4, 8, 8])
        history = training.fit(network, train, validation, folder, epochs, batch_size=32, seed=0, key="a training")
    models.save(network, folder / "model.keras")
    answers = models.predict(models.load(folder / "model.keras"), validation.images)
    print(json.dumps({"replicas": network.distribute_strategy.num_replicas_in_sync, "loss": list(history["loss"]),
                      "answers": answers.tolist()}))
"""


@pytest.mark.slow
def test_two_devices_train_what_one_trains_and_go_on_from_a_checkpoint(tmp_path):
    done = subprocess.run([sys.executable, "-c", TRAININGS, tmp_path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    alone, together = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert (alone["replicas"], together["replicas"]) == (1, 2)
    assert len(alone["loss"]) == 3 and alone["loss"][0] != alone["loss"][2]
    np.testing.assert_allclose(together["loss"], alone["loss"], rtol=1e-4)
    np.testing.assert_allclose(together["answers"], alone["answers"], atol=1e-4)


def test_more_devices_than_there_are_is_said_in_one_line():
    with pytest.raises(InputError, match=r"^gpus is 64, and TensorFlow finds \d+ here \(GPU\)\. Set gpus to 1"):
        distribute(64)
