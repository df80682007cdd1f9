"""Every plot of the project, by its question: each takes data and returns a matplotlib Figure; none saves or shows.

`dataset`: what do the images look like? `learning`: how did trainings go? `predictions`: what does a network get right?
`comparison`: which result is better? `ranking`: how sure is that? `features`: what do classifiers without a network look
at? `explanation`: where does a network look? `robustness`: what of worse images? `video`: what happens over time? All are reached as `figures.<name>`; those
of one panel take `ax`, the matplotlib Axes to draw on instead of a new figure.
"""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.figures.comparison import (
    accuracy_across,
    accuracy_by_agreement,
    accuracy_over_latency,
    accuracy_over_views,
    errors_by_class,
    features_by_classifiers,
    published_vs_reproduced,
)
from fer_tf.figures.dataset import (
    balanced_classes,
    class_distribution,
    class_distribution_by_split,
    cleaning_examples,
    intensity_correlation,
    landmarks,
    mean_faces,
    pair_similarity,
    pixel_distribution,
    pixel_distribution_by_emotion,
    sample_images,
    similar_pairs,
    split_sizes,
    transformed_images,
    valence_arousal,
)
from fer_tf.figures.explanation import feature_maps, filters, heat_maps, mean_heat_maps, region_shares, regions_on_face
from fer_tf.figures.features import eigenfaces, hog_on_face, reconstructions, sift_on_face
from fer_tf.figures.learning import (
    accuracy_by_fold,
    accuracy_by_setting,
    compare_learning,
    learning_curves,
    learning_curves_by_phase,
)
from fer_tf.figures.predictions import (
    confusion_matrix,
    most_confused,
    per_class_bars,
    predictions_grid,
    reliability_diagram,
    roc_curves,
    suspicious_labels,
)
from fer_tf.figures.ranking import (
    accuracy_over_cost,
    accuracy_over_coverage,
    critical_difference,
    ensemble_path,
    reliability_curves,
)
from fer_tf.figures.robustness import accuracy_over, corruption_curves, corruption_examples
from fer_tf.figures.video import annotated_frames, emotion_timeline, stage_latencies
