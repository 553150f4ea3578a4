"""Pictures are decoded within limits, upright; whatever is wrong with one becomes one line."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest

from mmcore.config import PerceptionSettings
from mmcore.errors import ImageError
from mmcore.perception.image import load, open_picture
from mmcore.perception.source import decode_data_uri, read_source

SETTINGS = PerceptionSettings()


def encoded(form: str = "PNG", size: tuple[int, int] = (4, 2), mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new(mode, size, "red" if mode == "RGB" else 0).save(buffer, form, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_usual_formats_are_opened(form: str) -> None:
    assert open_picture(encoded(form), SETTINGS).size == (4, 2)


def test_other_formats_are_refused() -> None:
    with pytest.raises(ImageError, match="not a picture in a format that is read"):
        open_picture(encoded("TIFF"), SETTINGS)


def test_decompression_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(ImageError, match="30,000 x 30,000"):
        open_picture(bomb(30_000, 30_000), SETTINGS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_truncated_picture_is_refused_in_one_line(form: str) -> None:
    data = encoded(form, (300, 200))
    with pytest.raises(ImageError) as caught:
        open_picture(data[: len(data) * 2 // 3], SETTINGS)
    assert "\n" not in str(caught.value)


def test_camera_orientation_is_applied_and_the_model_gets_upright_bytes() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data = encoded("JPEG", exif=exif)
    image = load(data, SETTINGS)
    assert (image.width, image.height, image.mime) == (2, 4, "image/png")
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert open_picture(image.data, SETTINGS).size == (2, 4)


def test_upright_picture_goes_to_the_model_byte_by_byte() -> None:
    data = encoded()
    assert (load(data, SETTINGS).data, load(data, SETTINGS).mime) == (data, "image/png")


def test_transparency_shows_white() -> None:
    assert open_picture(encoded(mode="RGBA"), SETTINGS).getpixel((0, 0)) == (255, 255, 255)


def test_data_uri_holds_the_same_bytes() -> None:
    assert decode_data_uri("data:image/png;base64,iVBORw==") == b"\x89PNG"


@pytest.mark.parametrize("uri", ["image/png;base64,AAAA", "data:image/png;base64", "data:image/png;base64,A*A="])
def test_malformed_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(ImageError):
        decode_data_uri(uri)


def test_source_that_is_missing_empty_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    for source in (tmp_path / "missing.png", tmp_path / "empty.png", tmp_path, b"", b"12345"):
        with pytest.raises(ImageError):
            read_source(source, max_bytes=4)
