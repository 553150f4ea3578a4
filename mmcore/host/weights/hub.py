"""The source `hub`: one file, or a whole repository, of a Hugging Face hub at a pinned commit.

Address, endpoint (`HF_ENDPOINT`), token and offline switch (`HF_HUB_OFFLINE`) are those of `huggingface_hub`, and a
file in its cache is used in place. The bytes of a file are fetched by us: `hf_hub_download` (seen in 2.4) writes to a
file of random name and removes it on failure, so that a killed pull of a gigabyte would start from nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmcore.config import WeightsSettings
from mmcore.errors import DownloadError
from mmcore.host.weights.cache import require_space
from mmcore.host.weights.catalog import File, Hub
from mmcore.host.weights.fetch import fetch, open_client

_NOT_INSTALLED = "huggingface_hub is not installed (pip install 'sidesight[host]')"
# Pickled weights run code when they are loaded.
_PICKLED = ["*.bin", "*.ckpt", "*.pickle", "*.pkl", "*.pt", "*.pth"]


def obtain(file: File, work: Path, settings: WeightsSettings, on_bytes: Callable[[int], None]) -> Path:
    """The path of `file` in the hub's own cache, or in `work` after a download. Raises DownloadError, OSError."""
    if not file.hub:
        raise DownloadError("the catalog names no repository for it")
    try:
        # Imported here: an installation without the extra `host` can still pull from wheels.
        from huggingface_hub import constants, get_token, hf_hub_url, try_to_load_from_cache
    except ImportError as error:
        raise DownloadError(_NOT_INSTALLED) from error
    name = file.hub.file or file.name
    cached = try_to_load_from_cache(file.hub.repo, name, revision=file.hub.revision)
    if isinstance(cached, str):
        return Path(cached)
    if constants.HF_HUB_OFFLINE:
        raise DownloadError("HF_HUB_OFFLINE is set and the hub's own cache has not got it")
    partial = work / f"{file.name}.hub-{file.hub.revision}"
    require_space(work, file.size or 0)
    url = hf_hub_url(file.hub.repo, name, revision=file.hub.revision)
    # A redirect to another host does not take the token along.
    headers = {"Authorization": f"Bearer {token}"} if (token := get_token()) else None
    with open_client() as client:
        fetch(client, url, partial, size=file.size, headers=headers, on_bytes=on_bytes)
    return partial


def snapshot(hub: Hub, work: Path) -> Path:
    """All of a repository but its pickled weights, in a directory below `work`. Raises DownloadError.

    `huggingface_hub` shows its own progress; a file that arrived whole is not fetched again.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DownloadError(_NOT_INSTALLED) from error
    target = work / f"snapshot-{hub.revision}"
    try:
        snapshot_download(hub.repo, revision=hub.revision, local_dir=target, ignore_patterns=_PICKLED)
    except Exception as error:
        # Broad, because the library lets through whatever its HTTP library raises: httpx, or httpx2 since version 2.
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's
        reason = " ".join(str(error).split())
        raise DownloadError(f"{hub.repo} at {hub.revision} did not come from the hub: {reason}") from error
    return target
