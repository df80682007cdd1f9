"""Random views of images by OpenCV: the distribution of `Augmenter`, many times as fast, and what photographs differ in.

A view is a function of its image and its seed alone, as with `Augmenter`, which stays the default where a study was
published with Keras's `ImageDataGenerator`.
"""

import cv2
import numpy as np

from fer_tf.errors import InputError

BORDERS = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_CONSTANT}
DRAWS = 18
"""Random numbers that a view takes."""


class FastAugmenter:
    """Random views of images, each a function of the image and its seed.

    Args:
        rotation_range, shear_range: largest angle, in degrees.
        width_shift_range, height_shift_range: largest shift, as a share of the side.
        zoom_range: z for sides of 1 - z to 1 + z times the image's, or a pair of such factors; above 1 a face gets smaller.
        horizontal_flip: whether half of the views are mirror images.
        fill_mode: "nearest", "reflect" or "constant" (black) outside of the image.
        brightness, contrast: largest relative change, 0 to 1.
        gamma: largest exponent is e to this power, the least its inverse.
        blur: share of the views that lose resolution, shrunk to 40 to 90% of their side and enlarged again.
        erasing: share of the views with one erased rectangle, 0 to 1.
    Raises InputError: an unknown fill mode.

    The order and meaning of rotation, shift, shear and zoom are those of `ImageDataGenerator.apply_transform` (Keras 3.15).
    """

    def __init__(
        self,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        shear_range=0,
        zoom_range=0.0,
        horizontal_flip=False,
        fill_mode="nearest",
        brightness=0.0,
        contrast=0.0,
        gamma=0.0,
        blur=0.0,
        erasing=0.0,
    ):
        if fill_mode not in BORDERS:
            raise InputError(f"fill_mode '{fill_mode}' of an augmentation; choose one of {', '.join(BORDERS)}.")
        self.angles = np.deg2rad([rotation_range, shear_range])
        self.shifts = (width_shift_range, height_shift_range)
        self.zoom = (1 - zoom_range, 1 + zoom_range) if np.isscalar(zoom_range) else tuple(zoom_range)
        self.flip, self.border = horizontal_flip, BORDERS[fill_mode]
        self.brightness, self.contrast, self.gamma = brightness, contrast, gamma
        self.blur, self.erasing = blur, erasing

    def __call__(self, images, seeds):
        """One random view of each image.

        Args:
            images: uint8 or float array (n, h, w, c), values 0 to 255.
            seeds: n sequences of integers, 0 or more; a view is a function of its image and its seed alone.
        Returns: float32 array (n, h, w, c), values 0 to 255.

        Images are turned in 8 bits, a third faster than in floating point; what is rounded is below half a gray level.
        """
        images = np.asarray(images).astype(np.uint8)
        height, width = images.shape[1:3]
        draws = uniform(seeds, DRAWS)
        views = np.empty_like(images)
        options = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": self.border}
        for image, matrix, view in zip(images, self.matrices(draws, height, width), views, strict=True):
            cv2.warpAffine(image, matrix, (width, height), view, **options)
        for i in np.flatnonzero(draws[:, 8] < self.blur):
            _lose_resolution(views[i], 0.4 + 0.5 * draws[i, 9])
        views = self._light(views.astype(np.float32), draws)
        for i in np.flatnonzero(draws[:, 13] < self.erasing):
            _erase(views[i], draws[i, 14:])
        return views

    def matrices(self, draws, height, width):
        """From each view's pixels to the image's: float64 array (n, 2, 3) for (x, y, 1), as OpenCV takes it.

        Args:
            draws: float array (n, DRAWS), 0 to 1.
            height, width: of the images, in pixels.
        """
        rotation, shear = ((2 * draws[:, :2] - 1) * self.angles).T
        shift_x, shift_y = ((2 * draws[:, 2:4] - 1) * self.shifts * (width, height)).T
        zoom_x, zoom_y = (self.zoom[0] + (self.zoom[1] - self.zoom[0]) * draws[:, 4:6]).T
        cos, sin = np.cos(rotation), np.sin(rotation)
        x_x, y_x = cos * zoom_x, sin * zoom_x
        x_y, y_y = -np.sin(rotation + shear) * zoom_y, np.cos(rotation + shear) * zoom_y
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        x_1 = middle_x - x_x * middle_x - x_y * middle_y + cos * shift_x - sin * shift_y
        y_1 = middle_y - y_x * middle_x - y_y * middle_y + sin * shift_x + cos * shift_y
        mirrored = (draws[:, 6] < 0.5) & self.flip
        x_1, y_1 = x_1 + mirrored * x_x * (width - 1), y_1 + mirrored * y_x * (width - 1)
        sign = np.where(mirrored, -1, 1)
        return np.stack([sign * x_x, x_y, x_1, sign * y_x, y_y, y_1], axis=1).reshape(-1, 2, 3)

    def _light(self, views, draws):
        change = 2 * draws[:, 10:13, None, None, None] - 1
        if self.brightness or self.contrast:
            gain, lift = 1 + change[:, 0] * self.contrast, 1 + change[:, 1] * self.brightness
            mean = views.mean(axis=(1, 2, 3), keepdims=True)
            views = np.clip((views - mean) * np.float32(gain) + mean * np.float32(lift), 0, 255)
        if self.gamma:
            views = 255 * (views / 255) ** np.float32(np.exp(change[:, 2] * self.gamma))
        return views


def uniform(seeds, count):
    """Numbers in [0, 1) that follow from each seed alone, for many seeds at once.

    Args:
        seeds: n sequences of as many integers, 0 or more.
        count: numbers for each.
    Returns: float64 array (n, count).

    SplitMix64 (Steele, Lea and Flood 2014), its state mixed from the integers of the seed.

    Example:
        >>> bool((uniform([(0, 1), (0, 2)], 3)[0] == uniform([(0, 1)], 3)[0]).all())
        True
    """
    state = np.zeros(len(seeds), np.uint64)
    for column in np.asarray(seeds, np.uint64).reshape(len(seeds), -1).T:
        state = _mix(state * np.uint64(31) + column + _GOLDEN)
    steps = _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
    return (_mix(state[:, None] + steps) >> np.uint64(11)) * 2.0**-53


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _lose_resolution(view, share):
    height, width = view.shape[:2]
    small = cv2.resize(
        view, (max(1, round(width * share)), max(1, round(height * share))), interpolation=cv2.INTER_AREA
    )
    view[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).reshape(view.shape)


def _erase(view, draws):
    # One rectangle of 2 to 15% of the area, filled with one gray value: Zhong et al. 2017, Random Erasing.
    height, width = view.shape[:2]
    area, ratio = (0.02 + 0.13 * draws[0]) * height * width, np.exp(2 * draws[1] - 1)
    h = int(np.clip(np.sqrt(area * ratio), 1, height - 1))
    w = int(np.clip(np.sqrt(area / ratio), 1, width - 1))
    top, left = int(draws[2] * (height - h)), int(draws[3] * (width - w))
    view[top : top + h, left : left + w] = 255 * ((draws[0] * 997) % 1)
