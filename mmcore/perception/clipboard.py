"""The picture on the clipboard: Pillow fetches it, in a process of its own, which `python -m` this module is."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from mmcore.errors import ImageError

TIMEOUT_S = 20.0


def read_clipboard() -> bytes:
    """The picture, encoded. Raises ImageError where there is none, or no way to get at it."""
    # -P: the working folder is the workspace, which must not be imported from.
    command = [sys.executable, "-P", "-m", "mmcore.perception.clipboard"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ImageError("the clipboard did not answer: save the picture to a file") from None
    if done.returncode or not done.stdout:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else "it gave nothing"
        raise ImageError(f"no picture can be had from the clipboard ({reason}): copy one, or save it to a file")
    return done.stdout


def main() -> None:
    from PIL import ImageGrab

    try:
        grabbed = ImageGrab.grabclipboard()
    except (OSError, NotImplementedError) as error:
        # On Linux the desktop's own tools are asked.
        sys.exit(str(error))
    if isinstance(grabbed, list):
        # Files that were copied in a file manager.
        sys.stdout.buffer.write(Path(grabbed[0]).read_bytes() if grabbed else b"")
    elif grabbed is None:
        sys.exit("it holds none")
    else:
        encoded = io.BytesIO()
        grabbed.save(encoded, "PNG")
        sys.stdout.buffer.write(encoded.getvalue())


if __name__ == "__main__":
    main()
