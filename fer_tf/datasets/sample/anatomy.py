"""What a drawn face is made of: facial action units, a person's features, a head's pose, and where that puts every point.

Everything here is geometry in face units (x to the right, y down, the eyes near y = 0, half a head's width near 1);
`drawing` turns it into pixels. The action units are those of the Facial Action Coding System (Ekman & Friesen 1978).
"""

from functools import cache
from types import SimpleNamespace

import numpy as np

from fer_tf.emotions import canonical
from fer_tf.errors import InputError

# In the order in which chance is drawn for them.
ACTION_UNITS = {
    "AU1": "inner brow raiser", "AU2": "outer brow raiser", "AU4": "brow lowerer", "AU5": "upper lid raiser",
    "AU6": "cheek raiser", "AU7": "lid tightener", "AU9": "nose wrinkler", "AU10": "upper lip raiser",
    "AU12": "lip corner puller", "AU14": "dimpler, on one side", "AU15": "lip corner depressor",
    "AU16": "lower lip depressor", "AU17": "chin raiser", "AU20": "lip stretcher", "AU23": "lip tightener",
    "AU25": "lips part", "AU26": "jaw drop", "AU43": "eyes closed",
}  # fmt: skip

# Prototypes after Ekman & Friesen's EMFACS; AU10, AU17 and AU25 are among the variants it lists.
PROTOTYPES = {
    "angry": {"AU4": 1.0, "AU5": 0.6, "AU7": 0.8, "AU17": 0.3, "AU23": 0.9},
    "disgust": {"AU4": 0.3, "AU7": 0.3, "AU9": 1.0, "AU10": 0.7, "AU15": 0.5, "AU16": 0.5, "AU25": 0.2},
    "fear": {"AU1": 0.9, "AU2": 0.6, "AU4": 0.7, "AU5": 0.9, "AU7": 0.3, "AU20": 0.9, "AU25": 0.4, "AU26": 0.3},
    "happy": {"AU6": 0.8, "AU12": 1.0, "AU25": 0.5},
    "sad": {"AU1": 0.9, "AU4": 0.6, "AU15": 0.9, "AU17": 0.4},
    "surprise": {"AU1": 0.9, "AU2": 0.9, "AU5": 0.8, "AU25": 0.3, "AU26": 0.9},
    "neutral": {},
    "contempt": {"AU12": 0.3, "AU14": 1.0},
}

# A person's features: each name with its range. The lengths are in face units.
_FEATURES = {
    "width": (0.84, 1.02), "jaw": (0.82, 1.12), "chin": (0.8, 1.3), "length": (0.94, 1.08),
    "skin": (0.0, 1.0), "redness": (-1.0, 1.0), "hair_tone": (0.0, 1.0), "hairline": (-0.98, -0.66), "fringe": (-0.12, 0.12),
    "hair_volume": (0.02, 0.24), "hair_length": (-0.5, 1.7), "baldness": (0.0, 1.0), "beard": (0.0, 1.0),
    "moustache": (0.0, 1.0), "glasses": (0.0, 1.0), "glasses_shape": (0.0, 1.0), "age": (0.0, 1.0), "collar": (0.0, 1.0),
    "eye_spacing": (0.38, 0.45), "eye_width": (0.165, 0.215), "eye_height": (0.055, 0.092), "eye_tilt": (-0.03, 0.035),
    "eye_y": (-0.13, -0.03), "iris": (0.072, 0.088), "iris_tone": (0.0, 1.0), "socket": (0.3, 1.0),
    "brow_y": (-0.40, -0.30), "brow_arch": (0.01, 0.10), "brow_tilt": (-0.07, 0.07), "brow_thickness": (0.020, 0.055),
    "brow_inner": (0.13, 0.21), "brow_outer": (0.62, 0.72), "nose_width": (0.13, 0.21), "nose_y": (0.36, 0.48),
    "nose_relief": (0.5, 1.0), "mouth_y": (0.66, 0.78), "mouth_width": (0.26, 0.36), "mouth_bend": (-0.035, 0.035),
    "upper_lip": (0.028, 0.07), "lower_lip": (0.045, 0.095), "lip_red": (0.0, 1.0), "asymmetry": (-0.25, 0.25),
}  # fmt: skip
_LOW, _HIGH = np.array(list(_FEATURES.values())).T


def person(rng):
    """A random person: SimpleNamespace of floats, each uniform in its range and independent of the expression."""
    return SimpleNamespace(**dict(zip(_FEATURES, rng.uniform(_LOW, _HIGH).tolist(), strict=True)))


def action_units(emotion, rng):
    """Random intensities of the action units with which one person shows an emotion once.

    Args:
        emotion: str, any spelling that `emotions.canonical` knows.
    Returns: dict of every name in `ACTION_UNITS` to its intensity, 0 to 1. Some units of the prototype are weak or
        missing and some foreign ones stray in (a talking mouth, a resting frown), so that not every face is readable.
    Raises InputError: the emotion is unknown.
    """
    prototype = PROTOTYPES[canonical(emotion)]
    names = list(ACTION_UNITS)
    strength = 0.4 + 0.6 * rng.beta(2.0, 1.7)
    jitter, missing, stray = rng.uniform(0.55, 1.25, len(names)), rng.random(len(names)), rng.random(len(names))
    level = np.array([prototype.get(name, 0.0) for name in names]) * strength * jitter
    level[missing < 0.08] *= 0.15
    level += np.where(stray < 0.1, 0.4, 0.1) * rng.random(len(names)) ** 2
    talking, blink = rng.random(2)
    if talking < 0.12:
        level[names.index("AU25")] += 0.5
        level[names.index("AU26")] += 0.35 * rng.random()
    level[names.index("AU43")] = rng.uniform(0.5, 1.0) if blink < 0.03 else 0.0
    return dict(zip(names, np.clip(level, 0, 1).tolist(), strict=True))


def checked(intensities):
    """Every action unit's intensity, from a dict that may leave some out.

    Args:
        intensities: dict such as {"AU6": 0.8, "AU12": 1.0}, values 0 to 1.
    Returns: dict of every name in `ACTION_UNITS` to a float; 0 where none was given.
    Raises InputError: a name is unknown, or a value is outside 0 to 1.
    """
    for name, value in intensities.items():
        if name not in ACTION_UNITS:
            raise InputError(f"unknown action unit '{name}'; known are {', '.join(ACTION_UNITS)}.")
        if not 0 <= value <= 1:
            raise InputError(f"action unit {name}: intensity {value}, expected 0 to 1. Scale it into that range.")
    return {name: float(intensities.get(name, 0.0)) for name in ACTION_UNITS}


class Pose:
    """Where a head is and how it is turned; called with points in face units, it gives them in pixels."""

    def __init__(self, center, scale, yaw=0.0, pitch=0.0, roll=0.0):
        """Center (x, y) in pixels; scale, pixels to one face unit; yaw (right), pitch (down), roll (clockwise), radians."""
        self.center, self.scale, self.yaw, self.pitch, self.roll = np.asarray(center, float), scale, yaw, pitch, roll
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        self._turn = scale * (np.array([[cr, -sr, 0], [sr, cr, 0]]) @ turn)

    def __call__(self, points, lift=0.0):
        """`points` (n, 2) on the head's surface, an ellipsoid, or `lift` in front of it, as pixels (n, 2)."""
        points = np.asarray(points, float)
        inside = 1 - (points[:, 0] / 1.05) ** 2 - (points[:, 1] / 1.42) ** 2
        depth = 0.85 * np.sqrt(np.maximum(inside, 0)) + lift
        return points @ self._turn[:, :2].T + depth[:, None] * self._turn[:, 2] + self.center


@cache
def _spline(n, closed, steps=4):
    # Catmull-Rom as a matrix: it depends on the number of points alone, so smoothing a curve is one product.
    eye, rows = np.eye(n), []
    for k in range(n if closed else n - 1):
        i = [(k + d) % n if closed else min(max(k + d, 0), n - 1) for d in (-1, 0, 1, 2)]
        a, b, c, d = eye[i]
        for t in np.arange(steps) / steps:
            rows.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.array(rows if closed else [*rows, eye[-1]])


def smooth(points, closed=True):
    """A smooth curve through `points` (n, 2), four times as many."""
    return _spline(len(points), closed) @ np.asarray(points, float)


def mirrored(half):
    """The closed outline whose right half `half` (n, 2) runs from the top to the bottom, both on the midline."""
    half = np.asarray(half, float)
    return np.concatenate([half, half[-2:0:-1] * (-1, 1)])


def head(who, au):
    """The head's outline (n, 2); the jaw drop lengthens it."""
    drop, w, j = 0.17 * au["AU26"], who.width, who.jaw
    half = [
        (0, -1.36), (0.42 * w, -1.28), (0.78 * w, -1.0), (0.97 * w, -0.5), (0.98 * w, -0.1), (0.92 * w, 0.3),
        (0.80 * w * j, 0.66 + 0.3 * drop), (0.56 * w * j, 0.98 + 0.8 * drop),
        (0.27 * w * who.chin, 1.19 + drop), (0, 1.24 + drop),
    ]  # fmt: skip
    return smooth(mirrored(half)) * (1, who.length)


def brow(who, au, side):
    """One brow's polygon (n, 2); side is -1 for the left of the picture, +1 for the right."""
    au = _sided(who, au, side)
    t = np.linspace(0, 1, 6)
    x = who.brow_inner + t * (who.brow_outer - who.brow_inner) - 0.06 * (au["AU4"] + 0.4 * au["AU9"]) * (1 - t)
    y = who.brow_y - who.brow_arch * np.sin(np.pi * t**1.3) + who.brow_tilt * (t - 0.5)
    y = y - 0.19 * au["AU1"] * (1 - t) ** 1.4 - 0.19 * au["AU2"] * np.sin(np.pi * np.clip(t, 0, 0.8) * 0.63)
    y = y + 0.14 * au["AU4"] * (1 - 0.45 * t) + 0.07 * au["AU9"] * (1 - t) + 0.02 * au["AU6"]
    half = who.brow_thickness * (1 - 0.75 * t**1.5)
    return np.concatenate([np.column_stack((side * x, y - half)), np.column_stack((side * x, y + half))[::-1]])


def eye(who, au, side):
    """One eye.

    Returns: SimpleNamespace: center (2,); upper and lower, the lids' edges (n, 2) from left to right; disc(radius,
        gaze), a round thing in it (n, 2) as far as the lids leave it open; crease, the fold above (n, 2).
    """
    au = _sided(who, au, side)
    up = 1 + 0.75 * au["AU5"] - 0.35 * au["AU7"] - 0.2 * au["AU6"] - 0.25 * au["AU9"]
    low = 0.75 * (1 - 0.75 * au["AU6"] - 0.5 * au["AU7"] - 0.3 * au["AU9"] + 0.15 * au["AU5"])
    up, low = who.eye_height * up * (1 - 1.6 * au["AU43"]), who.eye_height * low
    center = np.array([side * who.eye_spacing, who.eye_y])
    t = np.linspace(-1, 1, 9)

    def lid(t, height):
        return -height * np.clip(1 - t**2, 0, 1) ** 0.8 + side * who.eye_tilt * t

    def disc(radius, gaze=(0.0, 0.0)):
        angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        x = np.clip(gaze[0] + radius * np.cos(angle), -who.eye_width, who.eye_width)
        y = gaze[1] - 0.012 + radius * np.sin(angle)
        edge = x / who.eye_width
        return np.column_stack((x, np.clip(y, lid(edge, up), np.maximum(lid(edge, -low), lid(edge, up))))) + center

    x = t * who.eye_width
    crease = np.column_stack((x * 1.12, lid(t * 0.93, max(up, 0.2 * who.eye_height) + 0.045)))
    upper, lower = lid(t, up), np.maximum(lid(t, -low), lid(t, up))
    upper, lower = (np.column_stack((x, y)) + center for y in (upper, lower))
    return SimpleNamespace(center=center, upper=upper, lower=lower, crease=crease + center, disc=disc)


def mouth(who, au):
    """The mouth.

    Returns: SimpleNamespace of curves (n, 2) from left to right: top and bottom (the lips' outer edges), upper and
        lower (their inner edges); gap, the opening in the middle; left and right, the corners (2,).
    """
    t = np.linspace(-1, 1, 13)
    bow = np.clip(1 - t**2, 0, 1)
    width = who.mouth_width + 0.11 * au["AU12"] + 0.10 * au["AU20"] - 0.05 * au["AU23"]
    width -= 0.05 * au["AU26"] * (1 - au["AU20"]) + 0.03 * au["AU17"]
    down = {}
    for side in (-1, 1):
        a = _sided(who, au, side)
        dimple = au["AU14"] if side * who.asymmetry > 0 else 0.0
        down[side] = who.mouth_bend - 0.17 * a["AU12"] + 0.15 * a["AU15"] + 0.05 * a["AU20"] - 0.12 * dimple
    raised = 0.05 * au["AU9"] + 0.09 * au["AU10"]
    middle = who.mouth_y + 0.03 * au["AU12"] - 0.05 * au["AU15"] - 0.05 * au["AU17"] - 0.02 * au["AU9"]
    y = middle + np.where(t < 0, down[-1], down[1]) * np.abs(t) ** 1.7
    gap = 0.09 * au["AU25"] + 0.36 * au["AU26"] + 0.05 * au["AU16"] + 0.03 * au["AU10"]
    thin = (1 - 0.6 * au["AU23"]) * (1 - 0.3 * au["AU20"]) * (1 - 0.25 * au["AU12"])
    x = t * width
    upper = y - raised * bow - 0.15 * gap * bow
    lower = y + (0.85 * gap + 0.35 * au["AU16"] * 0.1) * bow**0.75
    cupid = 1 - 0.3 * np.exp(-((t / 0.12) ** 2))
    top = upper - who.upper_lip * thin * bow**0.7 * cupid
    bottom = lower + who.lower_lip * thin * bow**0.75 * (1 + 0.5 * au["AU16"] + 0.2 * au["AU17"])
    curves = {"top": top, "bottom": bottom, "upper": upper, "lower": lower}
    curves = {name: np.column_stack((x, curve)) for name, curve in curves.items()}
    return SimpleNamespace(gap=gap, left=np.array([x[0], y[0]]), right=np.array([x[-1], y[-1]]), **curves)


def _sided(who, au, side):
    # Nobody's face is symmetric: a person shows everything a little more on one side.
    return {name: min(1.0, level * (1 + side * who.asymmetry)) for name, level in au.items()}
