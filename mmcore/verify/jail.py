"""The program that shuts itself in and then runs an untrusted command.

Run as `python -I jail.py PLAN COMMAND…`, PLAN being the JSON that `sandbox.py` writes. Standard library only, no import
of ours: inside the jail there is nothing else. System calls go through ctypes because `os.unshare` came with Python
3.12 and `pivot_root` and `mount_setattr` never came. Layout of the new root after bubblewrap's manual: a tmpfs in which
only what a program needs is bound, read-only, and the scratch copy, writable.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import platform
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

# Imported before the walls go up, behind which this interpreter's library is gone. Windows has none of it: there only
# the supervisor's limits hold.
resource: Any = None if sys.platform == "win32" else importlib.import_module("resource")

# <sched.h>, <sys/mount.h>, <linux/prctl.h>, <linux/mount.h>
NEW_NAMESPACES = 0x00020000 | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000  # mount, network, pid, ipc, uts
NEW_USER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR = 442
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
NOBODY = 65534
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def _call(name: str, *arguments: Any) -> None:
    """A C library function that returns -1 on error; raises OSError."""
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")


_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _mount(source: str | None, target: Path, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [value.encode() if value is not None else None for value in (source, str(target), kind)]
    _call("mount", *encoded, ctypes.c_ulong(flags), options.encode() if options is not None else None)


def _bind(source: Path, root: Path, writable: bool = False) -> None:
    """Bind `source` at the same path below `root`."""
    target = root / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    _mount(str(source), target, None, MS_BIND | MS_REC)
    attributes = _MountAttributes(attr_set=ATTR_NOSUID | (0 if writable else ATTR_RDONLY))
    _call(
        "syscall",
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        str(target).encode(),
        ctypes.c_uint(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def enter(plan: dict[str, Any]) -> None:
    """New namespaces, a new root, no network, nobody's rights; returns inside, as process 1. Raises OSError."""
    user, group, privileged = os.getuid(), os.getgid(), os.geteuid() == 0
    scratch = Path(plan["scratch"])
    if privileged:
        for directory, _, files in os.walk(scratch):
            for name in (directory, *(os.path.join(directory, file) for file in files)):  # noqa: PTH118
                os.chown(name, NOBODY, NOBODY, follow_symlinks=False)
    _call("unshare", NEW_NAMESPACES | (0 if privileged else NEW_USER))
    if not privileged:
        Path("/proc/self/setgroups").write_bytes(b"deny")
        Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (user, user))
        Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (group, group))
    _raise_loopback()
    _become_first_process()
    _mount(None, Path("/"), None, MS_REC | MS_PRIVATE)
    root = Path(plan["root"])
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    # Before what is bound: an interpreter may live below /tmp.
    for name, size in (("tmp", "64m"), ("dev/shm", "64m")):
        (root / name).mkdir(parents=True, exist_ok=True)
        _mount("tmpfs", root / name, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=1777")
    for link, target in plan["links"]:
        (root / link.lstrip("/")).symlink_to(target)
    for path in plan["readonly"]:
        _bind(Path(path), root)
    for path in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"):
        _bind(Path(path), root, writable=True)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "hosts").write_text(HOSTS, "ascii")
    (root / "proc").mkdir()
    with contextlib.suppress(OSError):  # refused inside some containers: then /proc stays empty, which hides as much
        _mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV)
    _bind(scratch, root, writable=True)
    os.chdir(root)
    _call("syscall", ctypes.c_long(SYS_PIVOT_ROOT[platform.machine()]), b".", b".")
    _call("umount2", b".", MNT_DETACH)
    if privileged:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _raise_loopback() -> None:
    """Tests talk to servers that they start themselves; in this network there is nobody else to talk to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", IFF_UP | IFF_RUNNING)
        with contextlib.suppress(OSError):  # refused inside some containers: then it stays down, which walls in as well
            importlib.import_module("fcntl").ioctl(any_socket, SIOCSIFFLAGS, request)


def _become_first_process() -> None:
    """Go on as process 1 of the new namespace; the old one waits and passes the status on."""
    child = os.fork()
    if child:
        os._exit(_status_of(os.waitpid(child, 0)[1]))
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _status_of(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def run_and_reap(command: list[str]) -> int:
    """Run the command, collect what it leaves behind, and return its status; the remaining processes are ended."""
    child = os.fork()
    if not child:
        try:
            os.execvp(command[0], command)  # noqa: S606
        except OSError as error:
            sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)
    while True:
        pid, status = os.wait()
        if pid == child:
            _end_descendants()
            return _status_of(status)


def _end_descendants() -> None:
    """Those that left the session of the command too: they were handed to us when their parents ended."""
    while children := _children(os.getpid()):
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()]
    except OSError:
        return []


def main() -> int:
    plan = json.loads(sys.argv[1])
    command = sys.argv[2:]
    if plan["root"]:
        try:
            enter(plan)
        except OSError as error:
            sys.stderr.write(f"sidesight-jail: {error}\n")
            return 125
    os.chdir(plan["directory"])
    if sys.platform == "linux":
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if sys.platform != "win32":
        limit(plan["limits"])
    return run_and_reap(command)


if __name__ == "__main__":
    sys.exit(main())
