"""A dataset in numbers: small tables for a notebook or a paper."""

import pandas as pd

from fer_tf.datasets import pixel_statistics


def basic_statistics(dataset):
    """What a dataset holds, in one small table.

    Returns: DataFrame, columns statistic and value (int, float or str): images, those of each split, size, channels,
        classes, the largest and smallest class and their ratio, mean and standard deviation of the pixels, the share of
        black and of white ones, and the content's hash.
    """
    counts = dataset.counts()
    totals = counts.sum(axis=1)
    totals = totals[totals > 0]
    levels = pixel_statistics.histogram(dataset).sum(axis=0)
    mean, deviation = pixel_statistics.moments(levels)
    height, width, channels = dataset.images.shape[1:]
    rows = [("images", len(dataset))]
    rows += [(f"{split} images", int(counts[split].sum())) for split in counts]
    rows += [("height × width", f"{height} × {width}"), ("channels", int(channels)), ("classes", len(dataset.classes))]
    if len(totals):
        rows += [
            ("largest class", f"{totals.idxmax()} ({totals.max():,})"),
            ("smallest class", f"{totals.idxmin()} ({totals.min():,})"),
            ("largest over smallest", float(totals.max() / totals.min())),
            ("mean intensity", mean),
            ("standard deviation of intensity", deviation),
            ("share of black pixels (0)", float(levels[0] / levels.sum())),
            ("share of white pixels (255)", float(levels[-1] / levels.sum())),
        ]
    rows.append(("SHA-256 of the content", dataset.hash[:16]))
    return pd.DataFrame(rows, columns=["statistic", "value"]).astype({"value": object})


def split_counts(dataset):
    """Images of each class in each split, with totals and shares.

    Returns: DataFrame, index the classes and "total"; a column of counts for each split, total, and share (of all
        images).

    Example:
        >>> from fer_tf.datasets import sample
        >>> split_counts(sample.sample(n=140)).loc["total"].astype(int).to_dict()
        {'train': 111, 'validation': 15, 'test': 14, 'total': 140, 'share': 1}
    """
    table = dataset.counts()
    table["total"] = table.sum(axis=1)
    table.loc["total"] = table.sum(axis=0)
    table.index.name = "class"
    table["share"] = table["total"] / max(1, table.loc["total", "total"])
    return table
