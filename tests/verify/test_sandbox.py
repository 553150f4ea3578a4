"""Attempts to get out of the sandbox. The wall is the one that this machine offers, whatever user runs the tests."""

from __future__ import annotations

import http.server
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mmcore.verify.sandbox import Limits, Ran, interpreter_paths, isolation, run

PYTHON = Path(sys.executable)
PATIENT = Limits(seconds=20)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    directory = tmp_path / "scratch"
    directory.mkdir()
    return directory


@pytest.fixture
def listener() -> Iterator[int]:
    """A real server on loopback that the outside can reach."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def python(code: str, scratch: Path, limits: Limits = PATIENT) -> Ran:
    return run([str(PYTHON), "-c", code], scratch, limits=limits, readonly=interpreter_paths(PYTHON))


def test_an_ordinary_program_runs_and_writes_in_its_scratch(scratch: Path) -> None:
    ran = python("open('made', 'w').write('x'); print('done')", scratch)
    assert (ran.status, ran.output.strip()) == (0, "done")
    assert (scratch / "made").read_text() == "x"


def test_the_exit_status_of_the_program_is_reported(scratch: Path) -> None:
    assert python("raise SystemExit(7)", scratch).status == 7


def test_this_platform_has_a_wall_and_not_limits_only() -> None:
    assert isolation() in ("namespaces", "bubblewrap") or sys.platform != "linux"


def test_the_network_cannot_be_reached(scratch: Path, listener: int) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {listener}), 3); print('escaped')"
    ran = python(code, scratch)
    assert ran.status == 1
    assert "escaped" not in ran.output


def test_a_program_can_talk_to_a_server_that_it_starts_itself(scratch: Path) -> None:
    code = """
import socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(('localhost', server.getsockname()[1]), 3)
print('talks')
"""
    assert python(code, scratch).output.strip() == "talks"


def test_a_secret_in_our_environment_is_not_passed_on(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "swordfish")
    code = """
import os, pathlib
print(dict(os.environ))
for process in pathlib.Path('/proc').glob('[0-9]*'):
    try: print((process / 'environ').read_bytes())
    except OSError: pass
"""
    assert "swordfish" not in python(code, scratch).output


def test_the_home_directory_cannot_be_read(scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "home" / ".ssh" / "id_ed25519"
    key.parent.mkdir(parents=True)
    key.write_text("swordfish")
    code = f"""
import os, pathlib
for place in ({str(key)!r}, os.path.expanduser('~/.ssh/id_ed25519'), '/etc/shadow'):
    try: print(pathlib.Path(place).read_text())
    except OSError as error: print(type(error).__name__)
print(os.path.exists("/run"), os.path.exists("/var"))
"""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    said = python(code, scratch).output
    assert "swordfish" not in said
    assert "root:" not in said
    assert said.split() == ["FileNotFoundError"] * 3 + ["False", "False"]


def test_nothing_outside_the_scratch_can_be_written(scratch: Path, tmp_path: Path) -> None:
    places = [
        tmp_path / "outside",
        PYTHON.parent / "planted",
        Path("/usr/planted"),
        Path("/planted"),
        Path("/etc/planted"),
    ]
    code = f"""
import os
for place in {[str(place) for place in places]!r}:
    try: open(place, 'w').close(); print('written', place)
    except OSError: pass
"""
    python(code, scratch)
    assert [place for place in places if place.exists()] == []


def test_a_link_planted_in_the_scratch_does_not_lead_out(scratch: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    (scratch / "link").symlink_to(secret)
    assert "swordfish" not in python("print(open('link').read())", scratch).output


def test_namespaces_and_mounts_cannot_be_undone_from_inside(scratch: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("swordfish")
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None)
libc.unshare(0x10000000 | 0x20000)
libc.umount2(b'/', 2)
libc.mount(b'proc', b'/proc', b'proc', 0, None)
for fd in range(3, 64):
    try: os.fchdir(fd); print(os.listdir('.'))
    except OSError: pass
for up in range(12):
    try: os.chdir('..')
    except OSError: pass
try: os.chroot('.')
except OSError: pass
for place in ({str(tmp_path / "secret")!r}, '/proc/1/root' + {str(tmp_path / "secret")!r}):
    try: print(open(place).read())
    except OSError: print('kept out')
"""
    ran = python(code, scratch)
    assert "swordfish" not in ran.output
    assert ran.output.count("kept out") == 2


def test_processes_outside_cannot_be_signalled(scratch: Path) -> None:
    code = f"import os\ntry: os.kill({os.getpid()}, 0); print('escaped')\nexcept OSError: print('kept in')"
    assert "kept in" in python(code, scratch).output


def test_a_fork_bomb_is_stopped(scratch: Path) -> None:
    code = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    ran = python(code, scratch, Limits(seconds=3, processes=32))
    assert ran.status is None
    assert _ours(scratch) == []


def test_a_memory_hog_is_stopped(scratch: Path) -> None:
    hog = "held = []\nwhile True: held.append(bytearray(b'x' * 10_000_000))"
    ran = python(hog, scratch, Limits(seconds=20, memory_mb=200, address_space_mb=None))
    assert ran.ended_for.startswith("memory")


def test_the_address_space_of_one_process_is_bounded(scratch: Path) -> None:
    ran = python("bytearray(3 << 30)", scratch, Limits(seconds=20, address_space_mb=1024))
    assert ran.status == 1
    assert "MemoryError" in ran.output


def test_a_program_that_does_not_end_is_ended(scratch: Path) -> None:
    ran = python("while True: pass", scratch, Limits(seconds=1))
    assert ran.ended_for == "time (1 s)"


def test_a_daemon_does_not_survive_its_program(scratch: Path) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('alive', 'w').close()
        while True: time.sleep(60)
    os._exit(0)
while not os.path.exists('alive'): time.sleep(0.01)
"""
    assert python(code, scratch).status == 0
    assert _ours(scratch) == []


def test_a_daemon_does_not_survive_where_only_limits_hold(scratch: Path) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('alive', 'w').close()
        while True: time.sleep(60)
    os._exit(0)
while not os.path.exists('alive'): time.sleep(0.01)
"""
    assert run([str(PYTHON), "-c", code], scratch, wall="limits only").status == 0
    assert _ours(scratch) == []


def test_one_file_cannot_grow_without_end(scratch: Path) -> None:
    code = "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20))"
    ran = python(code, scratch, Limits(seconds=20, file_mb=4))
    assert ran.status not in (0, None)
    assert (scratch / "big").stat().st_size <= 4 << 20


def test_many_files_cannot_fill_the_disk(scratch: Path) -> None:
    code = "import itertools\nfor n in itertools.count(): open(f'f{n % 500}', 'wb').write(bytes(1 << 20))"
    ran = python(code, scratch, Limits(seconds=30, scratch_mb=40))
    assert ran.ended_for.startswith("disk")


def test_only_the_end_of_much_output_is_kept(scratch: Path) -> None:
    ran = python("print('x' * 1_000_000); print('the end')", scratch)
    assert len(ran.output) <= 40_000
    assert ran.output.rstrip().endswith("the end")


def _ours(scratch: Path) -> list[str]:
    """Live processes that work in this scratch; a killed one may take a moment to be collected."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [p.info["cwd"] for p in psutil.process_iter(["cwd"]) if str(scratch) in (p.info["cwd"] or "")]
        if not left:
            return []
    return left
