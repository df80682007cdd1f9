"""Every plot of the project: each takes data and returns a matplotlib Figure; none saves or shows.

`data` looks at images before training, `training` at learning curves, `results` at predictions, `comparisons` at
several results together, `tuning` at several trainings, `preparation` at what is done to images before one, `baselines` at
what classifiers without a network see, `video` at faces over time, `forms` at what a network's forms cost. All are reached
as `figures.<name>`.
"""

from fer_tf.figures.baselines import eigenfaces, errors_by_class, features_by_classifiers, hog_on_face, sift_on_face
from fer_tf.figures.comparisons import accuracy_over_views, published_vs_reproduced
from fer_tf.figures.data import (
    class_distribution,
    class_distribution_by_split,
    cleaning_examples,
    intensity_correlation,
    mean_faces,
    pixel_distribution,
    pixel_distribution_by_emotion,
    sample_images,
    split_sizes,
    transformed_images,
)
from fer_tf.figures.forms import accuracy_over_latency
from fer_tf.figures.preparation import balanced_classes, reconstructions
from fer_tf.figures.results import (
    confusion_matrix,
    most_confused,
    per_class_bars,
    predictions_grid,
    reliability_diagram,
    roc_curves,
)
from fer_tf.figures.training import compare_learning, learning_curves
from fer_tf.figures.tuning import accuracy_by_fold, accuracy_by_setting, learning_curves_by_phase
from fer_tf.figures.video import annotated_frames, emotion_timeline, stage_latencies

__all__ = [
    "accuracy_by_fold",
    "accuracy_by_setting",
    "accuracy_over_latency",
    "accuracy_over_views",
    "annotated_frames",
    "balanced_classes",
    "class_distribution",
    "class_distribution_by_split",
    "cleaning_examples",
    "compare_learning",
    "confusion_matrix",
    "eigenfaces",
    "emotion_timeline",
    "errors_by_class",
    "features_by_classifiers",
    "hog_on_face",
    "intensity_correlation",
    "learning_curves",
    "learning_curves_by_phase",
    "mean_faces",
    "most_confused",
    "per_class_bars",
    "pixel_distribution",
    "pixel_distribution_by_emotion",
    "predictions_grid",
    "published_vs_reproduced",
    "reconstructions",
    "reliability_diagram",
    "roc_curves",
    "sample_images",
    "sift_on_face",
    "split_sizes",
    "stage_latencies",
    "transformed_images",
]
