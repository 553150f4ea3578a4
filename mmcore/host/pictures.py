"""Pictures as an engine is given them: opened within the limits, and no larger than `host.image_pixels`."""

from __future__ import annotations

import PIL.Image

from mmcore.config import PerceptionSettings
from mmcore.errors import EngineRejected, ImageError
from mmcore.perception.image import open_picture
from mmcore.types import Image


def opened(image: Image, most_pixels: int) -> PIL.Image.Image:
    """Raises EngineRejected for what is no picture."""
    try:
        picture = open_picture(image.data, PerceptionSettings())
    except ImageError as error:
        raise EngineRejected(str(error)) from None
    return shrunk(picture, most_pixels)


def shrunk(picture: PIL.Image.Image, most_pixels: int) -> PIL.Image.Image:
    """`picture` with at most about that many pixels, its proportions kept."""
    width, height = picture.size
    if width * height <= most_pixels:
        return picture
    scale = (most_pixels / (width * height)) ** 0.5
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return picture.resize(size, PIL.Image.Resampling.LANCZOS)
