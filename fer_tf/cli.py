"""The command `fer-tf`: photographs, clips and the camera, each face with the emotion that onlookers would name."""

import argparse
import contextlib
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import fer_tf
from fer_tf import paths
from fer_tf.errors import InputError, exit_status, printable

NOT_FOR = """\
what this is not for:
  The network guesses which of a few words onlookers would put to a picture.
  It does not know what a person feels, errs often and not evenly. Use it on
  people only with their consent, and never to judge or watch them: not at work,
  in class, in hiring, policing, insurance or medicine. The European Union
  prohibits emotion recognition at work and in education (AI Act, Regulation
  2024/1689, article 5(1)(f)). Nothing is ever sent anywhere: pictures stay on
  this machine.
"""

EXAMPLES = """\
examples:
  fer-tf predict party.jpg                   a table of its faces
  fer-tf predict holiday/ --annotate seen/   copies with the faces marked
  fer-tf predict *.jpg --json > faces.json   an array, a photograph in a line
  fer-tf video party.mp4 --out seen/         a video, a table and a timeline
  fer-tf live                                the camera; q quits
  fer-tf models                              which detectors are here

"""

ABOUT = "Find the faces in photographs, clips and camera pictures, and name\neach one's expression."
WEIGHTS = "look for the detectors' weights there first, then in $FER_TF_MODELS and in data/models"
AS_WRITTEN = argparse.RawDescriptionHelpFormatter


def main(argv=None):
    """Runs the command; returns the exit status: 0, 1 where some of it could not be read, 2 for wrong input."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file may have a name that is no text
    args = parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(printable(f"note: {message}"), file=sys.stderr)
        return exit_status(lambda: args.run(args), wrong=2)


def parser():
    """The command's argparse parser."""
    built = _Parser("fer-tf", description=ABOUT, epilog=EXAMPLES + NOT_FOR, formatter_class=AS_WRITTEN)
    built.add_argument("--version", action="version", version=f"fer-tf {fer_tf.__version__}")
    commands = built.add_subparsers(metavar="COMMAND", required=True)

    option = _command(commands, "predict", predict, "name the expressions in photographs")
    option("photographs", nargs="+", type=_path, metavar="IMAGE|FOLDER", help="files, or folders of them")
    option("--json", action="store_true", help="print JSON: an array with one photograph in a line")
    option("--annotate", type=_folder, metavar="FOLDER", help="write copies with the faces marked into FOLDER")
    _detection_options(option, network="both")
    longest = "look at it shrunk to this longer side: more finds smaller faces; yunet 640, haar 1280 by default"
    option("--longest", type=_pixels, metavar="PIXELS", help=longest)

    option = _command(commands, "video", video, "follow the expressions through a clip")
    option("clip", type=_path, metavar="CLIP", help="a clip, or a folder of frames")
    option("--out", type=_folder, default=Path("."), metavar="FOLDER", help="where its files go; here by default")
    option("--no-video", dest="write_video", action="store_false", help="write no video, only the rest")
    option("--fps", type=float, default=25.0, metavar="N", help="frames a second of a folder of frames; 25 by default")
    _detection_options(option)
    _tracking_options(option)

    option = _command(commands, "live", live, "follow the expressions before a camera; q quits")
    option("--camera", type=_text, default="0", metavar="N|ADDRESS", help="its number, path or address; 0 by default")
    option(
        "--out",
        type=_folder,
        metavar="FOLDER",
        help="record there; else nothing is kept, but without a window in live/",
    )
    option("--seconds", type=_seconds, metavar="S", help="stop after so many; by default it goes on")
    option("--no-window", dest="window", action="store_false", default=None, help="open no window, record")
    _detection_options(option)
    _tracking_options(option)

    option = _command(commands, "models", models, "tell which detectors and networks are here")
    option("--weights-folder", type=_from_here, metavar="FOLDER", help=WEIGHTS)
    option("--network", type=_path, metavar="NAME|FILE", help="look at this network")
    return built


def predict(args):
    """`fer-tf predict`: photographs and folders of them."""
    from fer_tf.faces import detection, photographs
    from fer_tf.models import predictor

    observed, failed = [], []
    with _Json() if args.json else _Table() as page:
        photographs.check_limits(args.min_score, args.min_size)
        files = photographs.find(args.photographs, except_in=args.annotate)
        target = _annotated(files, args)
        _print_default_detector(args)
        searched = {"longest": args.longest} if args.longest else {}
        detector = detection.load(args.detector, args.weights_folder, **searched)
        network = predictor.load_predictor(args.network or predictor.BOTH)
        options = {"min_score": args.min_score, "min_size": args.min_size}
        started = time.perf_counter()
        page.begin(files, detector.name, network.path.name)
        for number, file in enumerate(files, 1):
            try:
                image = photographs.read(file)
            except InputError as error:
                print(printable(f"error: {error}"), file=sys.stderr)
                failed.append(file)
                page.failed(file, str(error))
                continue
            expressions = photographs.analyze(image, detector, network, **options)
            page.add(file, image, expressions, network.classes)
            if target:
                photographs.write(photographs.draw(image, expressions, network.classes), target[file])
            observed.append(expressions)
            _progress(number, len(files), file, expressions)
    _summary(observed, failed, detector.name, time.perf_counter() - started)
    return (1 if observed else 2) if failed else 0


def video(args):
    """`fer-tf video`: a clip or a folder of frames."""
    from fer_tf.faces import video as clips

    _print_default_detector(args)
    options = {"fps": args.fps, "write_video": args.write_video}
    return _print_summary(clips.run_clip(args.clip, args.out, **_following(args), **options))


def live(args):
    """`fer-tf live`: a camera."""
    from fer_tf.faces import video as clips

    _print_default_detector(args)
    return _print_summary(
        clips.run_live(args.camera, args.out, **_following(args), window=args.window, seconds=args.seconds)
    )


def models(args):
    """`fer-tf models`: what is here, what is not, and where to get it."""
    from fer_tf.faces import detection
    from fer_tf.faces.detection import weights
    from fer_tf.models import files, predictor

    folder = args.weights_folder
    if folder and not folder.is_dir():
        raise InputError(f"{folder}: no such folder of detectors' weights. Leave it out, or mend it.")
    here, best = detection.available(folder), detection.default(folder)
    in_clone = (Path(__file__).parents[1] / "Makefile").is_file()
    for name in detection.names():
        print(f"{name:11s} {'here' if name in here else 'not here'}{', the default' if name == best else ''}")
        if name not in weights.CATALOG:
            print("  comes with OpenCV")
            continue
        entry = weights.CATALOG[name]
        result = weights.find(name, folder) if name in here else None
        how = "make models" if entry.free and in_clone else f"python -m fer_tf.faces.detection --only {name}"
        how += "" if in_clone else " --to FOLDER"
        print(f"  {entry.about}\n  license  {entry.license}\n  {f'file     {result}' if result else f'fetch    {how}'}")
    if args.network and str(args.network) != predictor.BOTH:
        network = predictor.load_predictor(args.network)
        networks = [(network.path, network.classes, "")]
    else:  # by their cards: Keras takes seconds to load
        cards = {name: files.model_card(name) for name in predictor.shipped_names()}
        networks = [(predictor.shipped(name), card["classes"], card["license"]) for name, card in cards.items()]
    for path, classes, terms in networks:
        print(f"network     {path.stem}\n  file     {path}\n  classes  {', '.join(classes)}")
        if terms:
            print(f"  license  {terms}")


def _command(commands, name, run, about):
    """A new subcommand; returns what adds an argument to it."""
    text = {"help": about, "description": f"{about[0].upper()}{about[1:]}.", "epilog": NOT_FOR}
    built = commands.add_parser(name, formatter_class=AS_WRITTEN, **text)
    built.set_defaults(run=run)
    return built.add_argument


def _detection_options(option, network="five_layer"):
    # Names are checked by `detection.load`, so that --help need not import OpenCV.
    option("--detector", metavar="NAME", help="haar, yunet, yolo or retinaface; the best that is here by default")
    option("--weights-folder", type=_from_here, metavar="FOLDER", help=WEIGHTS)
    option(
        "--network",
        type=_path,
        metavar="NAME|FILE",
        help=f"one that ships, or both, or a .onnx or .keras file; {network} by default",
    )
    option("--min-score", type=float, default=0.0, metavar="S", help="leave out faces less sure, 0 to 1; 0 by default")
    option("--min-size", type=float, default=0, metavar="PIXELS", help="leave out smaller faces; 0 by default")


def _tracking_options(option):
    option("--smoothing", default="exponential", metavar="HOW", help="over time: none, mean or exponential (default)")
    option("--smoothing-seconds", type=_seconds, default=0.3, metavar="S", help="how long it remembers; 0.3 by default")
    option("--every", type=int, default=1, metavar="N", help="look for faces in every Nth frame; 1 by default")


def _text(text):
    """What was given; nothing, as of an unset variable, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _path(text):
    """A path that was given; an empty one would be the working folder."""
    return Path(_text(text))


def _folder(text):
    """A path of a folder, or of one to be made."""
    path = _path(text)
    try:
        is_file = path.exists() and not path.is_dir()
    except OSError as error:  # a folder above may not be entered, or the name is too long
        raise argparse.ArgumentTypeError(f"{text} cannot be used ({error.strerror})") from error
    if is_file:
        raise argparse.ArgumentTypeError(f"{text} is a file, and a folder is needed")
    return path


def _seconds(text):
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < float("inf"):
            return seconds
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")


def _pixels(text):
    if text.isdecimal() and 160 <= int(text) <= 10_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of pixels from 160 to 10000")


def _from_here(path):
    """A path seen from the working folder: the package sees relative ones from the project's."""
    return paths.from_home(path).absolute()


def _following(args):
    from fer_tf.faces.tracking import Smoother

    names = ("detector", "weights_folder", "network", "every", "min_score", "min_size")
    chosen = {name: getattr(args, name) for name in names}
    return {"smoother": Smoother(args.smoothing, args.smoothing_seconds), **chosen}


def _print_default_detector(args):
    """Says which detector is the default, where none is named."""
    from fer_tf.faces import detection

    if args.detector is None:
        name = detection.default(args.weights_folder)
        better = "" if name == detection.PREFERRED[0] else "; a better one is not here, see fer-tf models"
        print(f"detector: {name}{better}", file=sys.stderr)


def _annotated(files, args):
    """Where each photograph's copy goes: under its own name, and with its folders where a folder was given."""
    if args.annotate is None:
        return None
    from fer_tf.faces import photographs

    folders = {path for path in args.photographs if path.is_dir()}
    places = {file: photographs.written_as(args.annotate / _inside(file, folders)) for file in files}
    originals = {file.resolve(): file for file in files}
    homes = {path.parent for path in originals} | {file.parent.resolve() for file in files}
    # Above the photographs lie others of their kind: what is there already need not be an earlier copy.
    is_above = any(args.annotate.resolve() in (home, *home.parents) for home in homes)
    taken = {}
    for file, place in places.items():
        if (other := originals.get(place.resolve())) is not None:
            whose = "its copy" if other == file else f"the copy of {file}"
            raise InputError(f"{other}: {whose} would take its place. Give another folder to --annotate.")
        if is_above and place.exists():
            message = f"{place}: it is there, and the copy of {file} would take its place."
            raise InputError(f"{message} Give a folder of its own to --annotate.")
        if (other := taken.setdefault(place, file)) != file:
            raise InputError(
                f"{other} and {file}: their copies would have one name. Give one at a time, each with its own --annotate."
            )
    return places


def _inside(file, folders):
    """A file's path as seen from the outermost of the folders that holds it; its name where none does."""
    for top in reversed(file.parents):
        if top in folders and ".." not in (inside := file.relative_to(top)).parts:
            return inside
    return file.name


def _progress(number, total, file, expressions):
    if total > 1:
        print(
            f"[{number}/{total}] {printable(file.name)}: {_count(len(expressions), 'face')}",
            file=sys.stderr,
            flush=True,
        )


def _summary(observed, failed, detector, seconds):
    if len(observed) + len(failed) < 2:
        return
    emotions = Counter(expression.emotion for expressions in observed for expression in expressions)
    parts = [
        _count(len(observed), "photograph"),
        _count(emotions.total(), "face") + f" by {detector}",
        f"{sum(not expressions for expressions in observed):,} without a face",
        f"{len(failed):,} unreadable",
        f"{len(observed) / max(seconds, 1e-9):.1f} a second",
    ]
    print(", ".join(parts), file=sys.stderr)
    if emotions:
        print(", ".join(f"{name} {count:,}" for name, count in emotions.most_common()), file=sys.stderr)


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _print_summary(summary):
    """Says what was read and where it is kept; returns the exit status, 1 where a reading ended before its time."""
    summary = summary | {"timeline": _timeline(summary)}
    for name in ("video", "table", "timeline"):
        if summary.get(name):
            print(f"{name:8s} {printable(summary[name])}")
    followed = f"{_count(summary['tracks'], 'face')} followed by {summary['detector']}"
    print(f"{_count(summary['frames'], 'frame')}, {followed}, {summary['fps']:.1f} frames a second")
    if summary["complete"]:
        return 0
    print(printable(f"warning: {summary['ended']}"), file=sys.stderr)
    return 1


def _timeline(summary):
    """The figure of the emotions over time, drawn beside the table; None where there is no table, or no face in it."""
    if not (summary.get("table") and summary["tracks"]):
        return None
    try:
        from fer_tf import figures
        from fer_tf.faces import video as clips
        from fer_tf.figures import style
    except ModuleNotFoundError as error:
        print(f"no timeline without {error.name}: pip install matplotlib pandas scikit-learn", file=sys.stderr)
        return None

    table = clips.read_table(summary["table"])
    drawing = figures.emotion_timeline(table, clips.classes_of(table))
    return style.save(drawing, Path(summary["table"]).with_suffix(""), formats=("png",))[0]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the words of a command in one line, as all else does."""

    def error(self, message):
        self.exit(2, f"error: {message}; see {self.prog} --help.\n")


class _Json:
    """Prints one array, whole even where the command is stopped or refused, with one photograph in a line."""

    begun = False

    def __enter__(self):
        print("[", end="")
        return self

    def __exit__(self, *error):
        with contextlib.suppress(OSError):  # told above
            print("\n]" if self.begun else "]", flush=True)

    def begin(self, files, detector, network):
        self.models = {"detector": detector, "network": network}

    def add(self, file, image, expressions, classes):
        height, width = image.shape[:2]
        faces = [self._face(expression, classes) for expression in expressions]
        self._line({"file": str(file), "width": width, "height": height, **self.models, "faces": faces})

    def failed(self, file, reason):
        self._line({"file": str(file), "error": reason})

    def _line(self, entry):
        print(",\n" if self.begun else "\n", json.dumps(entry), sep="", end="", flush=True)
        self.begun = True

    def _face(self, expression, classes):
        face = expression.face
        landmarks = None if face.landmarks is None else face.landmarks.astype(float).round(2).tolist()
        entry = {"box": [round(value, 2) for value in face.box], "score": round(face.score, 4), "landmarks": landmarks}
        shares = {name: round(float(share), 6) for name, share in zip(classes, expression.probabilities, strict=True)}
        return entry | {"detector": self.models["detector"], "emotion": expression.emotion, "probabilities": shares}


class _Table(contextlib.AbstractContextManager):
    """Prints one face in a line, under a heading, as they are found."""

    def __exit__(self, *error):
        return None

    def begin(self, files, detector, network):
        self.width = max(len("photograph"), *(len(printable(file)) for file in files))
        print(f"{'photograph':{self.width}s}  {'x':>6s} {'y':>6s} {'width':>6s} {'height':>6s}  {'score':>5s}  emotion")

    def add(self, file, image, expressions, classes):
        for expression in expressions:
            box = " ".join(f"{value:6.0f}" for value in expression.face.box)
            best = expression.probabilities.argsort()[::-1][:2]
            likely = ", ".join(f"{classes[i]} {expression.probabilities[i]:.0%}" for i in best)
            print(f"{printable(file):{self.width}s}  {box}  {expression.face.score:5.2f}  {likely}", flush=True)
        if not expressions:
            print(f"{printable(file):{self.width}s}  no face found", flush=True)

    def failed(self, file, reason):
        """Its line on stderr is enough."""


if __name__ == "__main__":
    sys.exit(main())
