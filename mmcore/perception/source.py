"""The bytes of a picture: from a path, a data URI or memory, never more than the limit."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import unquote_to_bytes

from mmcore.errors import ImageError


def read_source(source: Path | bytes, max_bytes: int) -> bytes:
    """The encoded picture as it stands. Raises ImageError."""
    if isinstance(source, bytes):
        data = source
    else:
        try:
            if not source.is_file():
                reason = "is not a file" if source.exists() else "does not exist"
                raise ImageError(f"{source} {reason}: give the path of a picture")
            with source.open("rb") as file:
                # One byte more than allowed tells too large from just large enough, however the file grows meanwhile.
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise ImageError(f"{source} cannot be read: {error.strerror or error}") from error
    if len(data) > max_bytes:
        limit = f"{max_bytes:,} bytes"
        raise ImageError(f"{name_of(source)} is larger than {limit}: crop it, or raise perception.max_bytes")
    if not data:
        raise ImageError(f"{name_of(source)} is empty: it holds no picture")
    return data


def name_of(source: Path | bytes) -> str:
    """How an error message calls this picture."""
    return "the picture" if isinstance(source, bytes) else str(source)


def decode_data_uri(uri: str) -> bytes:
    """The bytes that an RFC 2397 `data:` URI holds. Raises ImageError."""
    head, comma, body = uri.partition(",")
    if not head.startswith("data:") or not comma:
        raise ImageError("this is not a data URI: it must look like data:image/png;base64,…")
    encoded = unquote_to_bytes(body)
    if not head.endswith(";base64"):
        return encoded
    try:
        return base64.b64decode(b"".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("the data URI is not valid base64: was it cut off?") from error
