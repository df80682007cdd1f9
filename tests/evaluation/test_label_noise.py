"""Wrong labels that were planted are found again."""

import numpy as np

from fer_tf.evaluation import label_noise


def planted(n=600, k=3, wrong=30, seed=0):
    """Labels of which some are wrong, and the probabilities of a model that knows the true ones well but not perfectly."""
    random = np.random.default_rng(seed)
    true = random.integers(0, k, n)
    logits = 3.0 * np.eye(k)[true] + random.normal(0, 0.7, (n, k))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = random.permutation(n)[:wrong]
    labels = true.copy()
    labels[rows] = (labels[rows] + 1) % k
    return true, labels, probabilities, rows


def test_planted_wrong_labels_come_first_with_the_true_class_suggested():
    true, labels, probabilities, rows = planted()
    table = label_noise.suspects(labels, probabilities, ("a", "b", "c"), [f"image {i}" for i in range(600)])
    first = table.head(20)
    assert (
        set(first["row"]) <= set(rows) and (np.array(["a", "b", "c"])[true[first["row"]]] == first["suggested"]).all()
    )
    assert len(set(table["row"]) & set(rows)) >= 18 and len(table) < 60
    assert (table["id"] == [f"image {i}" for i in table["row"]]).all() and table["margin"].is_monotonic_decreasing


def test_the_joint_counts_each_confident_image_once():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.45, 0.55]])
    joint, confident = label_noise.confident_joint(labels, probabilities)  # thresholds 0.55 and 0.725
    assert confident.tolist() == [0, 1, 1, -1] and joint.tolist() == [[1, 1], [0, 1]]
