"""Decode a picture that may be hostile: formats by allow-list, limits before decoding, upright, without alpha."""

from __future__ import annotations

import hashlib
import io
import struct

import PIL.Image
import PIL.ImageOps

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError
from mmcore.types import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
# What every server with images in its API accepts as it stands; anything else is encoded again as PNG.
PASSED_ON = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
EXIF_ORIENTATION = 0x0112

# Our own limit is checked from the header and is a setting; Pillow's is a constant that only warns at first.
PIL.Image.MAX_IMAGE_PIXELS = None


def open_picture(data: bytes, settings: PerceptionSettings) -> PIL.Image.Image:
    """The first frame as an upright RGB picture; transparency shows white. Raises ImageError, one line."""
    try:
        with _open_checked(data, settings) as picture:
            picture.load()
            upright = PIL.ImageOps.exif_transpose(picture)
            return _flatten(upright)
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, IndexError, TypeError) as error:
        raise _broken(error) from error


def load(data: bytes, settings: PerceptionSettings) -> Image:
    """The picture as it goes to a model: its own bytes where they will do, else PNG. Raises ImageError."""
    picture = open_picture(data, settings)
    sha256 = hashlib.sha256(data).hexdigest()
    with _open_checked(data, settings) as original:
        mime = PASSED_ON.get(original.format or "")
        turned = original.getexif().get(EXIF_ORIENTATION, 1) != 1
    if mime is None or turned:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return Image(buffer.getvalue(), "image/png", picture.width, picture.height, sha256)
    return Image(data, mime, picture.width, picture.height, sha256)


def _open_checked(data: bytes, settings: PerceptionSettings) -> PIL.Image.Image:
    """Only the header is read, so that a bomb costs nothing."""
    try:
        picture = PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise ImageError(f"this is not a picture in a format that is read ({', '.join(FORMATS)})") from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, IndexError, TypeError) as error:
        raise _broken(error) from error
    width, height = picture.size
    if width * height > settings.max_pixels:
        raise ImageError(
            f"the picture has {width:,} x {height:,} pixels, more than the {settings.max_pixels:,} that are read: "
            "crop it, or raise perception.max_pixels"
        )
    if width < 1 or height < 1:
        raise ImageError("the picture has no pixels")
    return picture


def _flatten(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Pillow would clip 16-bit grey to white.
        picture = picture.convert("I").point(lambda value: value / 256, "L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        backdrop = PIL.Image.new("RGBA", picture.size, "white")
        picture = PIL.Image.alpha_composite(backdrop, picture)
    return picture.convert("RGB")


def _broken(error: Exception) -> ImageError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return ImageError(f"the picture is damaged or cut off ({reason}): save or send it again")
