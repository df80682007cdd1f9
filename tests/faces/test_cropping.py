"""Crops: that they show the square they should, upright, whatever the picture's size and edge."""

import cv2
import numpy as np
import pytest

from fer_tf.errors import InputError
from fer_tf.faces import cropping
from fer_tf.faces.cropping import crop, square
from fer_tf.faces.detection import Face

POINTS = np.float32([[35, 40], [65, 40], [50, 58], [38, 75], [62, 75]])  # of a face in a picture of 100 pixels


@pytest.fixture
def picture():
    """Smooth shades without symmetry, so that half a pixel's shift or a degree's turn is seen."""
    y, x = np.mgrid[0:100, 0:100]
    shade = 110 + 60 * np.sin(x / 17) + 50 * np.cos(y / 11 + x / 40)
    return np.repeat(np.uint8(shade)[..., None], 3, axis=2)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def test_a_square_box_of_the_networks_size_is_cut_pixel_by_pixel(picture):
    built = crop(picture, Face((20, 30, 48, 48), 1.0), size=48, channels=1, margin=0)
    np.testing.assert_array_equal(built[..., 0], gray(picture)[30:78, 20:68])


def test_a_face_many_times_the_networks_size_is_averaged_not_skipped():
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 200
    built = crop(stripes, Face((0, 0, 480, 480), 1.0), size=48, margin=0)
    np.testing.assert_allclose(built, 100, atol=2)


def test_a_turned_face_is_cut_as_the_upright_one_is(picture):
    upright = Face((25, 25, 50, 50), 1.0, POINTS)
    turn = cv2.getRotationMatrix2D((49.5, 49.5), 25, 1)
    turned = cv2.warpAffine(picture, turn, (100, 100), flags=cv2.INTER_CUBIC)
    points = np.float32(cv2.transform(POINTS[None], turn)[0])
    x, y = turn @ (49.5, 49.5, 1)
    face = Face((x - 24.5, y - 24.5, 50, 50), 1.0, points)
    expected, built = crop(picture, upright, margin=0), crop(turned, face, margin=0)
    assert np.abs(built[6:-6, 6:-6].astype(int) - expected[6:-6, 6:-6]).mean() < 3
    plain = crop(turned, face, margin=0, align=False)
    assert np.abs(plain.astype(int) - expected).mean() > 10


def test_the_margin_makes_the_square_larger_about_the_same_center():
    face = Face((10, 20, 40, 90), 1.0)
    center, side, angle = square(face, margin=0)
    assert (center, angle) == ((30, 65), 0) and side == pytest.approx(60)
    assert square(face, margin=0.5)[:2] == (center, pytest.approx(90))


def test_where_a_face_sticks_out_the_pictures_edge_is_continued(picture):
    built = crop(picture, Face((-24, 10, 48, 48), 1.0), channels=1, margin=0)[..., 0]
    np.testing.assert_array_equal(built[:, 24:], gray(picture)[10:58, :24])
    np.testing.assert_array_equal(built[:, :24], np.repeat(gray(picture)[10:58, :1], 24, axis=1))


@pytest.mark.parametrize(
    "box", [(-500, -500, 20, 20), (99.7, 99.7, 300, 300), (40, 40, 0.2, 0.2), (-900, -900, 2000, 2000)]
)
def test_any_box_gives_a_whole_crop(picture, box):
    built = crop(picture, Face(box, 1.0, POINTS))
    assert built.shape == (48, 48, 3) and built.dtype == np.uint8


def test_a_face_in_a_picture_wider_than_opencv_warps_is_cut():
    wide = np.zeros((60, 40_000, 3), np.uint8)
    wide[:, 39_000:] = 255
    assert (crop(wide, Face((39_500, 6, 48, 48), 1.0), margin=0) == 255).all()


def test_gray_is_repeated_for_three_channels_and_color_comes_as_rgb(picture):
    picture[..., 0] = 0  # no blue
    face = Face((20, 30, 40, 40), 1.0)
    built = crop(picture, face, channels=3)
    assert (built == built[..., :1]).all()
    assert crop(picture, face, channels=1).shape == (48, 48, 1)
    colored = crop(picture, face, color=True)
    assert (colored[..., 2] == 0).all() and colored[..., 0].any()


def test_crops_of_no_faces_are_an_empty_batch(picture):
    assert cropping.crops(picture, [], size=32, channels=1).shape == (0, 32, 32, 1)


@pytest.mark.parametrize("box", [(1, 1, 0, 5), (1, 1, 5, -5), (np.nan, 1, 5, 5)])
def test_a_box_without_extent_is_refused(picture, box):
    with pytest.raises(InputError, match="give sides above 0"):
        crop(picture, Face(box, 1.0))
