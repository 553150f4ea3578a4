"""The process that decodes and reads pictures, so that a hostile one can only bring this process down.

Run by `perception.reader` as `python -m mmcore.perception.worker`; speaks `perception.wire` on stdin and stdout and
leaves when stdin closes. Requests: {"do": "read" | "load" | "overlay", "settings": {…}}, the picture as payload; "read"
has "names", "overlay" a "reading".
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, BinaryIO

from mmcore.config import PerceptionSettings
from mmcore.errors import SidesightError
from mmcore.perception import wire

# Private writable memory; models, runtime and a picture of 40 megapixels stay well below it.
MEMORY_BYTES = 2_500_000_000


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    while prefix := requests.read(wire.PREFIX.size):
        header_size, payload_size = wire.lengths(prefix)
        header = json.loads(requests.read(header_size))
        data = requests.read(payload_size)
        reply, payload = answer(header, data)
        replies.write(wire.pack(reply, payload))
        replies.flush()


def answer(header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        settings = PerceptionSettings(**header["settings"])
        return _perform(header, data, settings)
    except SidesightError as error:
        return {"error": type(error).__name__, "message": str(error)}, b""
    except ModuleNotFoundError as error:
        message = f"pictures cannot be read without {error.name}: pip install 'sidesight[vision]'"
        return {"error": "PerceptionError", "message": message}, b""
    except MemoryError:
        return {"error": "ImageError", "message": "the picture needs more memory than reading may take: crop it"}, b""
    except Exception as error:  # The boundary of the process: the server must get a reply, the log the traceback.
        logging.exception("the picture could not be read")
        message = f"the picture could not be read ({type(error).__name__}): the log has the details"
        return {"error": "PerceptionError", "message": message}, b""


def _perform(header: dict[str, Any], data: bytes, settings: PerceptionSettings) -> tuple[dict[str, Any], bytes]:
    # Imported here so that a missing package becomes a reply, and decoding does not wait for the models.
    from mmcore.perception import image

    if header["do"] == "load":
        loaded = image.load(data, settings)
        return {"image": wire.image_to_json(loaded)}, loaded.data
    if header["do"] == "overlay":
        from mmcore.perception import overlay

        return {}, overlay.draw(data, wire.reading_from_json(header["reading"]), settings)
    from mmcore.perception import pipeline

    return {"reading": wire.reading_to_json(pipeline.read(data, settings, header["names"]))}, b""


def limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    # RLIMIT_AS would also count what is only reserved, and the runtime's threads reserve much.
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(kind, (limit, hard))
    # A crash is an ordinary event here; no core file of the user's picture is left behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    # A private copy of stdout: whatever a library prints must not mix with the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_memory()
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
