"""Draws a face: the points of `anatomy` as anti-aliased, shaded pixels, and what a camera adds to them.

`render` paints one person into a picture of any size; `draw_face` makes a cropped face such as a FER dataset holds.
"""

import cv2
import numpy as np

from fer_tf.datasets.sample import anatomy
from fer_tf.errors import InputError

_SKINS = np.array([(94, 60, 44), (141, 97, 71), (190, 144, 112), (222, 182, 152), (244, 212, 190)], float)
_HAIRS = np.array([(26, 22, 20), (58, 42, 32), (112, 78, 50), (176, 140, 92), (170, 168, 166)], float)
_IRISES = np.array([(50, 32, 22), (84, 58, 36), (96, 110, 80), (96, 130, 158)], float)


def draw_face(emotion_or_aus, size=48, channels=1, rng=None):
    """One face as a FER dataset holds it: cropped, and as the camera and chance left it.

    Args:
        emotion_or_aus: str, an emotion; or a dict of action units such as {"AU6": 0.8, "AU12": 1.0}, values 0 to 1.
        size: int, height and width in pixels, 16 or more.
        channels: 1 for gray, 3 for RGB.
        rng: numpy Generator, or a seed for one; person, pose, light, occlusion and noise are drawn from it.
    Returns: uint8 array (size, size, channels).
    Raises InputError: the emotion or an action unit is unknown, or size or channels is out of range.
    """
    if size < 16 or channels not in (1, 3):
        raise InputError(f"draw_face: size {size}, {channels} channels; take 16 pixels or more, 1 or 3 channels.")
    rng = np.random.default_rng(rng)
    who = anatomy.person(rng)
    values = isinstance(emotion_or_aus, dict)
    au = anatomy.checked(emotion_or_aus) if values else anatomy.action_units(emotion_or_aus, rng)
    side = size * (2 if size < 128 else 1)  # supersampled where a pixel is coarse
    normal, chance = rng.standard_normal(12), rng.random(12)
    center, scale = side * (np.array([0.5, 0.45]) + 0.03 * normal[:2]), side * 0.5 * np.exp(0.08 * normal[2])
    pose = anatomy.Pose(center, scale, yaw=0.24 * normal[3], pitch=0.11 * normal[4], roll=0.12 * normal[5])
    light = (0.75 * normal[6], -0.25 + 0.35 * normal[7], 0.9)
    picture = render(backdrop((side, side), rng), who, au, pose, light, gaze=0.022 * normal[8:10])
    if chance[0] < 0.13:
        _occlude(picture, who, pose, rng)
    return _photograph(picture, size, channels, rng)


def render(background, who, au, pose, light=(0.0, -0.3, 0.9), gaze=(0.0, 0.0)):
    """Paints one person, head and shoulders, into a picture.

    Args:
        background: uint8 array (h, w, 3), RGB; it is left as it is.
        who: the person's features, from `anatomy.person`.
        au: dict of every action unit to its intensity, from `anatomy.action_units` or `anatomy.checked`.
        pose: `anatomy.Pose` in the picture's pixels.
        light: direction that the light comes from (right, down, towards the camera).
        gaze: where the eyes look, in face units.
    Returns: uint8 array (h, w, 3), RGB.
    """
    paint = _Paint(background.shape[:2], pose)
    skin, hair = _skin(who), _tone(_HAIRS, who.hair_tone)
    _body(paint, who, au, skin, hair)
    _relief(paint, who, au, light)
    _beard(paint, who, au, hair)
    for side in (-1, 1):
        _eye(paint, who, au, side, skin, gaze)
        paint.fill(anatomy.brow(who, au, side), 0.75 * hair + 0.12 * skin, lift=0.03)
    _nose_and_mouth(paint, who, au, skin)
    _hair(paint, who, au, hair)
    _glasses(paint, who)
    return paint.finish(background, light)


class _Paint:
    """A picture in the making: flat colors, two blurred layers of relief (128 is level), and where the person is."""

    def __init__(self, shape, pose):
        self.pose = pose
        self.color, self.mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        self.soft, self.fine = np.full(shape, 128, np.uint8), np.full(shape, 128, np.uint8)

    def pixels(self, points, lift=0.0):
        return np.rint(self.pose(points, lift) * 16).astype(np.int32)

    def fill(self, points, color, lift=0.0, outline=False):
        points = [self.pixels(points, lift)]
        cv2.fillPoly(self.color, points, color if isinstance(color, tuple) else tuple(color.tolist()), cv2.LINE_AA, 4)
        if outline:  # this part reaches over what has been painted so far, and belongs to the person
            cv2.fillPoly(self.mask, points, 255, cv2.LINE_AA, 4)

    def line(self, points, color, width, lift=0.0):
        thick = max(1, round(width * self.pose.scale))
        cv2.polylines(self.color, [self.pixels(points, lift)], False, tuple(color), thick, cv2.LINE_AA, 4)

    def shade(self, points, amount, lift=0.0):
        cv2.fillPoly(self.soft, [self.pixels(points, lift)], int(np.clip(128 + amount, 0, 255)), cv2.LINE_8, 4)

    def crease(self, points, amount, width=0.035, lift=0.0):
        if abs(amount) > 2:
            thick = max(1, round(width * self.pose.scale))
            points = [self.pixels(points, lift)]
            cv2.polylines(self.fine, points, False, int(np.clip(128 + amount, 0, 255)), thick, cv2.LINE_AA, 4)

    def finish(self, background, light):
        scale = self.pose.scale
        relief = cv2.GaussianBlur(self.soft, (0, 0), 0.075 * scale).astype(np.float32)
        relief += cv2.GaussianBlur(self.fine, (0, 0), max(0.5, 0.016 * scale))
        lit = self._lambert(light) * (1 + (relief - 256) / 128)
        picture = cv2.multiply(self.color, cv2.merge([lit, lit, lit]), dtype=cv2.CV_8U)
        keep = self.mask if background.shape[0] < 200 else cv2.GaussianBlur(self.mask, (0, 0), 0.7)
        keep = cv2.merge([keep, keep, keep])
        return cv2.add(cv2.multiply(picture, keep, scale=1 / 255), cv2.multiply(background, 255 - keep, scale=1 / 255))

    def _lambert(self, light):
        (h, w), (x0, y0), scale = self.mask.shape, self.pose.center, self.pose.scale
        u = ((np.arange(w, dtype=np.float32) - x0) / (1.25 * scale))[None, :]
        v = ((np.arange(h, dtype=np.float32) - y0) / (1.7 * scale))[:, None]
        n = np.sqrt(np.maximum(1 - u * u - v * v, 0.12))
        lx, ly, lz = np.asarray(light, np.float32) / np.linalg.norm(light)
        return 0.36 + 0.74 * np.clip((lx * u + ly * v + lz * n) / np.sqrt(u * u + v * v + n * n), 0, 1)


def _ellipse(x, y, rx, ry, n=12):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack((x + rx * np.cos(angle), y + ry * np.sin(angle)))


def _tone(palette, t):
    at = t * (len(palette) - 1)
    k = min(int(at), len(palette) - 2)
    return palette[k] + (at - k) * (palette[k + 1] - palette[k])


def _skin(who):
    return np.clip(_tone(_SKINS, who.skin) * (1 + 0.04 * who.redness, 1, 1 - 0.04 * who.redness), 0, 255)


def _body(paint, who, au, skin, hair):
    w, volume = who.width, who.hair_volume
    if who.baldness < 0.88:  # the hair behind the head
        low = max(who.hair_length, -0.4)
        back = [(0, -1.38 - volume), (0.7 * w, -1.2 - volume), (w + volume, -0.6), (w + 0.9 * volume, 0.0)]
        back = anatomy.smooth(anatomy.mirrored([*back, (w + volume, low), (0, low)]))
        paint.fill(back, 0.8 * hair, lift=-0.5, outline=True)
    cloth = _tone(np.array([(40, 44, 60), (120, 50, 50), (150, 150, 140), (230, 230, 226)], float), who.collar)
    shoulders = anatomy.mirrored([(0, 1.35), (0.5, 1.62), (1.3, 1.85), (1.9, 2.3), (2.1, 4.5), (0, 4.5)])
    paint.fill(shoulders, cloth, lift=-0.6, outline=True)
    neck = [(-0.55 * w, 0.5), (0.55 * w, 0.5), (0.6 * w, 1.68), (0, 1.95), (-0.6 * w, 1.68)]
    paint.fill(neck, 0.86 * skin, lift=-0.4, outline=True)
    for side in (-1, 1):
        ear = [(0.93, -0.16), (1.04, -0.27), (1.12, -0.14), (1.09, 0.12), (1.0, 0.34), (0.91, 0.28)]
        ear = anatomy.smooth(np.array(ear) * (side * w, 1))
        paint.fill(ear, 0.93 * skin, lift=-0.25, outline=True)
        paint.crease(ear[6:14], -30, 0.05, lift=-0.25)
    outline = anatomy.head(who, au)
    paint.shade(outline + (0, 0.16), -62, lift=-0.2)  # the jaw's shadow on the neck
    paint.shade(outline, 0)
    paint.fill(outline, skin, outline=True)


def _relief(paint, who, au, light):
    """The forms of the face as light and dark, and the folds that the action units press into it."""
    nw, ny, left = who.nose_width, who.nose_y - 0.05 * au["AU9"], -1 if light[0] > 0 else 1
    smile, deep = max(au["AU12"], 0.7 * au["AU14"]), 0.55 + 0.6 * who.age
    paint.shade(_ellipse(0, -0.72, 0.5, 0.2), 9)
    for side in (-1, 1):
        x, y = side * who.eye_spacing, who.eye_y
        paint.shade(_ellipse(x, y - 0.05, 0.25, 0.15), -38 * who.socket - 8)
        cheek_y = 0.27 - 0.09 * au["AU6"] - 0.04 * smile
        paint.shade(_ellipse(side * 0.54 * who.width, cheek_y, 0.2, 0.14), 10 + 24 * max(au["AU6"], 0.6 * smile))
        paint.shade(_ellipse(side * 0.66 * who.width, 0.62, 0.12, 0.22), -20)
        # AU6 gathers the skin under the eye and at its outer corner.
        fold = [(0.24, 0.02), (0.13, 0.10), (-0.02, 0.125), (-0.16, 0.08)]
        fold = anatomy.smooth(np.array(fold) * (side, 1) + (x, y + 0.05 - 0.03 * au["AU6"]), closed=False)
        paint.crease(fold, -20 * deep - 50 * max(au["AU6"], 0.6 * au["AU7"], 0.5 * au["AU9"]))
        for dy in (-0.05, 0.01, 0.07):
            crow = np.array([(0.24, 0.25 * dy), (0.36, dy)]) * (side, 1) + (x, y)
            paint.crease(crow, -62 * au["AU6"] * deep, 0.022)
        # The fold from the nose to the mouth deepens with a smile (curved), disgust (high and straight) and grief.
        depth = -12 * deep - 62 * max(smile, 0.9 * au["AU10"], 0.9 * au["AU9"], 0.45 * au["AU15"])
        out = 0.36 + 0.12 * smile + 0.05 * au["AU20"]
        fold = [(nw + 0.05, ny - 0.08 - 0.08 * au["AU9"]), (0.8 * out, ny + 0.06 - 0.04 * au["AU10"])]
        fold = np.array([*fold, (out, 0.62), (out, 0.78)]) * (side, 1)
        paint.crease(anatomy.smooth(fold, closed=False), depth, 0.045)
        # AU4 draws upright furrows between the brows; AU9 wrinkles across the nose's root.
        furrow = np.array([(0.085, who.brow_y - 0.1), (0.065, who.brow_y + 0.13)]) * (side, 1)
        paint.crease(furrow, -85 * au["AU4"] * min(1, 0.4 + deep), 0.03, lift=0.05)
        wrinkle = np.array([(0.03, 0.06), (0.12, 0.02), (0.17, 0.1)]) * (side, 1)
        paint.crease(wrinkle, -80 * au["AU9"], 0.028, lift=0.1)
        paint.crease(wrinkle + (0, -0.09), -66 * au["AU9"], 0.028, lift=0.1)
    # The nose: a ridge in the light, a side in the shade, the shadow below.
    tall = 22 * who.nose_relief
    shadow = [(left * 0.06, who.brow_y + 0.14), (left * 0.15, 0.0), (left * nw * 1.2, ny), (left * 0.06, ny)]
    paint.shade(shadow, -1.5 * tall, 0.12)
    paint.shade([(-0.05, -0.2), (0.05, -0.2), (0.07, ny - 0.05), (-0.07, ny - 0.05)], tall, 0.28)
    paint.shade(_ellipse(0, ny + 0.1, nw, 0.05), -1.6 * tall, 0.1)
    # AU1 and AU2 wrinkle the forehead; AU1 alone, its middle.
    wide, lines = 0.28 + 0.3 * au["AU2"], max(au["AU1"], au["AU2"]) * min(1, 0.35 + deep)
    for dy in (0.0, 0.12, 0.24):
        t = np.linspace(-1, 1, 5)
        y = who.brow_y - 0.3 - dy + 0.05 * au["AU2"] * t**2 - 0.05 * au["AU4"] * (1 - t**2)
        paint.crease(np.column_stack((wide * t, y)), -52 * lines, 0.026)
    chin = who.mouth_y + 0.29 + 0.36 * au["AU26"] + 0.05 * au["AU16"]
    paint.shade(_ellipse(0, chin - 0.06, 0.2, 0.035), -34)
    paint.shade(_ellipse(0, chin + 0.1, 0.19, 0.1), 14)
    for x, y in ((-0.1, 0.04), (0.0, 0.0), (0.1, 0.05), (-0.04, 0.12), (0.05, 0.13)):  # AU17's orange peel
        paint.crease([(x, chin + y), (x + 0.03, chin + y + 0.02)], -75 * au["AU17"], 0.04)


def _beard(paint, who, au, hair):
    if who.beard < 0.8 and who.moustache < 0.85:
        return
    drop, cover = 0.17 * au["AU26"], np.zeros_like(paint.mask)
    ny, my, j = who.nose_y, who.mouth_y, who.width * who.jaw
    if who.beard >= 0.8:
        half = [(0, 0.97 * my + 0.14), (0.45, my), (0.8 * j, 0.2), (0.93 * j, 0.25), (0.8 * j, 0.7)]
        half += [(0.55 * j, 1.04 + drop), (0, 1.28 + drop)]
        cv2.fillPoly(cover, [paint.pixels(anatomy.smooth(anatomy.mirrored(half)))], 255, cv2.LINE_8, 4)
    out = 0.34 + 0.08 * au["AU12"]
    lip = my - 0.08 - 0.06 * max(au["AU9"], au["AU10"])
    patch = [(0, ny + 0.1), (0.22, ny + 0.14), (out, lip + 0.1), (out, lip + 0.16), (0.2, lip + 0.03), (0, lip + 0.02)]
    cv2.fillPoly(cover, [paint.pixels(anatomy.mirrored(patch), 0.05)], 255, cv2.LINE_8, 4)
    dense = 0.25 + 0.65 * ((max(who.beard, who.moustache) * 20) % 1)  # from stubble to a full beard
    cover = cv2.GaussianBlur(cover, (0, 0), 0.035 * paint.pose.scale)
    cover = cv2.merge([cover, cover, cover])
    tint = np.full_like(paint.color, np.rint(0.8 * hair).astype(np.uint8))
    bare = cv2.subtract(np.full_like(cover, 255), cv2.multiply(cover, (dense,) * 4))
    bare = cv2.multiply(paint.color, bare, scale=1 / 255)
    paint.color = cv2.add(bare, cv2.multiply(tint, cover, scale=dense / 255))


def _eye(paint, who, au, side, skin, gaze):
    eye = anatomy.eye(who, au, side)
    dark = 0.22 * skin
    paint.fill(np.concatenate([eye.upper, eye.lower[::-1]]), (228.0, 224.0, 220.0))
    paint.fill(eye.disc(who.iris, gaze), _tone(_IRISES, who.iris_tone))
    paint.fill(eye.disc(0.45 * who.iris, gaze), (14.0, 12.0, 12.0))
    if au["AU43"] < 0.5:
        glint = eye.center + gaze + (0.028, -0.04)
        paint.fill(_ellipse(*glint, 0.014, 0.014, 8), (250.0, 250.0, 250.0))
    paint.line(eye.upper, dark, 0.034)
    paint.line(eye.lower, 0.62 * skin, 0.018)
    paint.crease(eye.crease, -48, 0.026)


def _nose_and_mouth(paint, who, au, skin):
    nw = who.nose_width * (1 + 0.12 * au["AU9"] + 0.12 * au["AU12"])
    ny = who.nose_y - 0.05 * au["AU9"] - 0.02 * au["AU10"]
    for side in (-1, 1):
        paint.fill(_ellipse(side * 0.5 * nw, ny + 0.035, 0.32 * nw, 0.026, 10), 0.32 * skin, lift=0.15)
        wing = np.array([(0.95 * nw, ny - 0.08), (1.08 * nw, ny), (0.85 * nw, ny + 0.05)]) * (side, 1)
        paint.crease(anatomy.smooth(wing, closed=False), -46 - 30 * au["AU9"], 0.03, lift=0.08)
    lips = anatomy.mouth(who, au)
    red = (0.80 + 0.1 * (1 - who.lip_red)) * skin * (1.0, 0.78 - 0.2 * who.lip_red, 0.80 - 0.16 * who.lip_red)
    paint.fill(np.concatenate([lips.top, lips.upper[::-1]]), 0.88 * red, lift=0.06)
    paint.fill(np.concatenate([lips.lower, lips.bottom[::-1]]), red, lift=0.06)
    opening = lips.lower[:, 1] - lips.upper[:, 1]
    if opening.max() > 0.02:
        paint.fill(np.concatenate([lips.upper, lips.lower[::-1]]), (52.0, 22.0, 22.0), lift=0.05)
        teeth = np.minimum(opening, 0.05 + 0.07 * max(au["AU12"], au["AU10"], 0.7 * au["AU20"]))
        middle = np.abs(lips.upper[:, 0]) < 0.8 * np.abs(lips.left[0])
        edge = lips.upper + np.column_stack((np.zeros_like(teeth), teeth))
        paint.fill(np.concatenate([lips.upper[middle], edge[middle][::-1]]), (226.0, 220.0, 208.0), lift=0.05)
        low = np.minimum(0.5 * opening, 0.09 * max(au["AU16"], 0.6 * au["AU20"]))
        edge = lips.lower - np.column_stack((np.zeros_like(low), low))
        paint.fill(np.concatenate([edge[middle], lips.lower[middle][::-1]]), (206.0, 200.0, 188.0), lift=0.05)
        if lips.gap > 0.2:
            paint.fill(_ellipse(0, lips.lower[6, 1] - 0.07, 0.13, 0.06), (150.0, 74.0, 74.0), lift=0.03)
    paint.line(lips.upper, 0.30 * skin, 0.024, lift=0.06)
    for corner, out in ((lips.left, -1), (lips.right, 1)):
        dimple = au["AU14"] if out * who.asymmetry > 0 else 0.0
        depth = -30 - 70 * max(au["AU12"], au["AU15"], dimple, 0.6 * au["AU20"])
        tail = np.array([(0, 0), (out * 0.05, -0.05 * au["AU12"] + 0.1 * au["AU15"])])
        paint.crease(corner + tail, depth, 0.04, lift=0.05)


def _hair(paint, who, au, hair):
    if who.baldness >= 0.88:
        return
    w, line, volume, part = who.width, who.hairline, who.hair_volume, who.fringe
    top = anatomy.smooth([
        (-1.0 * w, -0.12), (-w - 0.6 * volume, -0.6), (-0.75 * w, -1.18 - volume), (0, -1.42 - volume), (0.75 * w, -1.18 - volume),
        (w + 0.6 * volume, -0.6), (1.0 * w, -0.12), (0.9 * w, -0.42), (0.72 * w, line + 0.1 + part),
        (part * 2, line - 0.12), (-0.72 * w, line + 0.1 - part),
        (-0.9 * w, -0.42),
    ])  # fmt: skip
    paint.fill(top, hair, outline=True)
    paint.shade(_ellipse(-0.2, -1.2, 0.4, 0.1), 22)
    for x in np.linspace(-0.8, 0.8, 9):  # strands
        paint.crease([(x * w, -0.95), (0.75 * x * w, -1.2 - 0.5 * volume)], 26 if (x * 10) % 2 < 1 else -22, 0.02)


def _glasses(paint, who):
    if who.glasses < 0.84:
        return
    dark = who.glasses > 0.985
    color, width = ((24.0, 22.0, 22.0), 0.035) if (who.glasses * 1000) % 2 < 1.3 else ((150.0, 140.0, 120.0), 0.022)
    for side in (-1, 1):
        angle, power = np.linspace(0, 2 * np.pi, 21), 0.5 + 0.5 * who.glasses_shape
        c, s = np.cos(angle), np.sin(angle)
        rim = np.column_stack((0.285 * np.sign(c) * np.abs(c) ** power, 0.2 * np.sign(s) * np.abs(s) ** power))
        rim += (side * (who.eye_spacing + 0.01), who.eye_y + 0.03)
        if dark:
            paint.fill(rim, (34.0, 34.0, 38.0), lift=0.1)
        paint.line(rim, color, width, lift=0.1)
        temple = [(side * (who.eye_spacing + 0.29), who.eye_y), (side * 0.98 * who.width, who.eye_y - 0.04)]
        paint.line(temple, color, width)
    paint.line([(-0.12, who.eye_y), (0, who.eye_y - 0.03), (0.12, who.eye_y)], color, width, lift=0.15)


def backdrop(shape, rng):
    """A blurred place behind a face, a gradient and a few shapes: uint8 array (height, width, 3) of that `shape`, RGB."""
    tone = rng.uniform(20, 235, (2, 2, 3)) * 0.5 + rng.uniform(10, 120)
    small = cv2.resize(tone, (12, 12), interpolation=cv2.INTER_LINEAR)
    for x0, y0, dx, dy, gray in rng.random((2, 5)):
        x, y = int(12 * x0), int(12 * y0)
        small[y : y + 2 + int(6 * dy), x : x + 2 + int(6 * dx)] = 240 * gray
    small = np.clip(small, 0, 255).astype(np.uint8)
    return cv2.resize(small, tuple(shape)[::-1], interpolation=cv2.INTER_LINEAR)


def _occlude(picture, who, pose, rng):
    """Covers a part of the face, in place: a hand, a scarf or cup, a strand of hair, or letters across the picture."""
    kind, a, b, tone = rng.random(4)
    side = 1 if a < 0.5 else -1

    def cover(points, color):
        points, color = np.rint(pose(points) * 16).astype(np.int32), np.asarray(color, float).tolist()
        cv2.fillPoly(picture, [points], tuple(color), cv2.LINE_AA, 4)

    if kind < 0.4:
        skin, at = 0.9 * _skin(who), np.array([side * (0.45 + 0.35 * b), 0.75 + 0.4 * b])
        cover(at + _ellipse(0, 0.25, 0.34, 0.4), skin)
        for k in range(4):
            cover(at + _ellipse(side * (-0.2 + 0.14 * k), -0.16, 0.062, 0.26), skin * (0.92 + 0.04 * k))
    elif kind < 0.6:
        cover([(-1.2, 0.62 + 0.3 * b), (1.2, 0.55 + 0.35 * b), (1.4, 2.2), (-1.4, 2.2)], (30 + 190 * tone,) * 3)
    elif kind < 0.8:
        strand = [(side * 0.1, -1.2), (side * 1.05, -0.9), (side * 1.1, 0.5), (side * (0.55 + 0.3 * b), 0.0)]
        cover(anatomy.smooth(strand), (60 * tone,) * 3)
    else:
        h = len(picture)
        text, at = "FACES"[: 2 + int(4 * a)], (int(h * 0.1), int(h * (0.3 + 0.65 * b)))
        font, color, thick = cv2.FONT_HERSHEY_SIMPLEX, (60 + 190 * tone,) * 3, max(1, h // 40)
        cv2.putText(picture, text, at, font, h / 70, color, thick, cv2.LINE_AA)


def _photograph(picture, size, channels, rng):
    """What the camera does: focus, exposure, noise, and the size and channels asked for."""
    focus, contrast, brightness, gamma, grain, jpeg = rng.random(6)
    blur = (len(picture) / size) * (size / 48) * (0.2 + 0.6 * focus**2)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if len(picture) != size:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    luma = np.array([[0.299], [0.587], [0.114]], np.float32)
    picture = picture @ luma if channels == 1 else picture.astype(np.float32)
    picture = 255 * (picture / 255) ** np.float32(0.65 + 0.8 * gamma)
    picture = (picture - 115) * np.float32(0.65 + 0.65 * contrast) + np.float32(115 + 56 * (brightness - 0.5))
    picture += np.float32(1 + 6 * grain**2) * rng.standard_normal(picture.shape, np.float32)
    picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if jpeg < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, 45 + int(160 * jpeg)]
        data = cv2.imencode(".jpg", picture[..., ::-1] if channels == 3 else picture, quality)[1]
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        picture = picture[..., None] if channels == 1 else np.ascontiguousarray(picture[..., ::-1])
    return picture
