"""`python -m mmcore.host.llama_server`: llama.cpp's server around one model, in a process of its own.

Of its own, because its loading holds Python's lock for seconds, it takes over the signals of its process, it ends that
process when something is wrong with a model, and because memory is given back surely when a process ends.

It reads one line of JSON (`Order`) from standard input, writes one with its address to standard output, and lives as
long as its standard input is open: so it ends with whoever started it, however that one ends.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

# Sequences decoded in one batch, each with its prompt kept in the cache.
SLOTS = 4
# Tokens of prompt that are computed in one go: the longest that a cancelled prompt goes on for.
BATCH_TOKENS = 128
# Prompts that lost their slot are kept in main memory up to this and come back without being computed again.
CACHE_MIB = 512
# A chat may fill one context; half of another holds the completions beside it (see `Resident` in models.py).
CONTEXTS = 1.5


@dataclass(frozen=True)
class Order:
    path: str
    key: str
    context_tokens: int
    threads: int
    projector: str = ""


def serve(order: Order) -> Any:
    # Not above: the host reads `Order` from here and has no use for the library.
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order.path
    if order.projector:
        params.mmproj.path = order.projector
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order.key]
    params.ui = False
    params.endpoint_metrics = True
    params.verbosity = 1
    params.n_parallel = SLOTS
    # One cache for all slots: a lone editor has all of it.
    params.kv_unified = True
    params.kv_unified_per_slot = order.context_tokens
    params.n_ctx = int(order.context_tokens * CONTEXTS)
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_ram_mib = CACHE_MIB
    params.cache_idle_slots = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order.threads
    return xllamacpp.Server(params)


def main() -> None:
    order = Order(**json.loads(sys.stdin.readline()))
    server = serve(order)
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.read()
    # Not through its destructor, which would wait for what nobody reads any more.
    os._exit(0)


if __name__ == "__main__":
    main()
