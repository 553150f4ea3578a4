"""Every exception that Sidesight raises on purpose.

SidesightError                 one line that says what is wrong and what to do next
├── InputError                 what the user gave cannot be used (exit status 2, LSP InvalidParams)
│   ├── SettingError           a setting has a value that it cannot have
│   ├── DocumentError          a file or a cursor in it: missing, binary, too large, past the end
│   └── ImageError             a picture: unreadable, too large, of a format not allowed
├── WeightsError               weights on disk or on their way to it
│   ├── UnknownModel           no model of that name in the catalog
│   ├── WeightsMissing         the model is known but not downloaded
│   ├── WeightsCorrupt         the bytes are not those that the catalog promises
│   └── DownloadError          no index, no hub, no disk space
├── EngineError                the model or its server
│   ├── EngineUnavailable      cannot be reached or started: an empty completion, one status message
│   ├── EngineRejected         the server understood and refused (unknown model, bad token, prompt too long)
│   └── EngineProtocolError    the server answered something that is not the API
├── PerceptionError            the reader process failed, timed out or is not installed
└── StoreError                 the conversation database cannot be read or written
"""

from __future__ import annotations


class SidesightError(Exception):
    """Base of the tree. `str(error)` is one line, fit to be shown to the user as it stands."""


class InputError(SidesightError): ...


class SettingError(InputError): ...


class DocumentError(InputError): ...


class ImageError(InputError): ...


class WeightsError(SidesightError): ...


class UnknownModel(WeightsError, InputError): ...


class WeightsMissing(WeightsError): ...


class WeightsCorrupt(WeightsError): ...


class DownloadError(WeightsError): ...


class EngineError(SidesightError): ...


class EngineUnavailable(EngineError): ...


class EngineRejected(EngineError): ...


class EngineProtocolError(EngineError): ...


class PerceptionError(SidesightError): ...


class StoreError(SidesightError): ...
