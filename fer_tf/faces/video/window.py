"""A window that shows what is read, where there is a display."""

import os
import subprocess
import sys
from functools import cache

import cv2


class Window:
    """OpenCV's window with a title, opened in a `with` block."""

    def __init__(self, title):
        self.title = title

    def __enter__(self):
        cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        return self

    def __exit__(self, *_):
        cv2.destroyAllWindows()

    def show(self, picture):
        """Shows a picture, uint8 array (h, w, 3) BGR; "quit" where q or Escape was pressed or the window closed, else ""."""
        cv2.imshow(self.title, picture)
        pressed = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1
        return "quit" if pressed in (ord("q"), 27) or closed else ""


@cache
def can_open_windows():
    """Whether a window opens. Tried in a process of its own, as Qt ends the process where its display does not answer."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        command = [sys.executable, "-c", "import cv2; cv2.namedWindow('x'); cv2.waitKey(1)"]
        tried = subprocess.run(command, capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
