"""The emotions' names, their order in each dataset, and their colors. Every other module takes them from here."""

from fer_tf.errors import InputError

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven classes in the order of FER2013's label codes 0 to 6 (Goodfellow et al. 2013)."""

AFFECTNET8 = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
"""The eight classes in the order of AffectNet's codes 0 to 7 (Mollahosseini et al. 2017)."""

FIVE = ("angry", "neutral", "happy", "sad", "surprise")
"""The five classes of the five-class study, in its order."""

# Okabe and Ito's colors, with yellow darkened so that it is seen on white; in gray print the markers tell them apart.
_LOOKS = {
    "angry": ("#D55E00", "v"),
    "disgust": ("#009E73", "P"),
    "fear": ("#CC79A7", "X"),
    "happy": ("#E69F00", "o"),
    "sad": ("#0072B2", "s"),
    "surprise": ("#56B4E9", "^"),
    "neutral": ("#6E6E6E", "D"),
    "contempt": ("#000000", "*"),
}
COLORS, MARKERS = ({name: look[i] for name, look in _LOOKS.items()} for i in (0, 1))

_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def canonical(name):
    """The project's name of an emotion, from any spelling that the datasets and papers use.

    Args:
        name: str such as "Anger", "Angry", "happiness" or " sad ".
    Returns: str, one of `FER2013` or "contempt".
    Raises InputError: the name is no emotion known here.
    """
    word = str(name).strip().lower()
    word = _SYNONYMS.get(word, word)
    if word not in COLORS:
        raise InputError(f"unknown emotion '{name}'; known are {', '.join(COLORS)}. Rename the class or its folder.")
    return word
