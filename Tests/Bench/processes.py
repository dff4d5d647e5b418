"""Starts programs, times them, watches their memory, and leaves none behind.

Knows nothing of what is measured. This process adopts the servers that go to the background (as a
"subreaper", prctl(2)), so that each of them is found as a child and can be ended.
"""

import ctypes
import os
import select
import signal
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
TIMEOUT = 1800  # seconds; nothing measured here takes so long unless it hangs


class Failure(Exception):
    """What was run and what it said last."""

    def __init__(self, text: str, status: int | None = None):
        super().__init__(text)
        self.status = status


def adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def raise_on_signals() -> None:
    """Makes TERM and HUP end the program as Ctrl-C does: through every `finally`."""

    def stop(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def run(command: list[str], env: dict | None = None, timeout: float = TIMEOUT) -> bytes:
    """Standard output of a program that succeeds. Servers that it leaves hold no pipe of ours."""
    with (
        open("/dev/null", "rb") as nothing,
        open_unnamed() as out,
        open_unnamed() as errors,
    ):
        # In a session of its own: Ctrl-C is for us, who then end all that it has started.
        child = subprocess.Popen(
            command, stdin=nothing, stdout=out, stderr=errors, env=env, start_new_session=True
        )
        try:
            status = wait(child, timeout)
        except BaseException:
            end(child)
            raise
        if status != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            text = said[-1] if said else "nothing on standard error"
            lines = f"{len(said)} lines, last: " if len(said) > 1 else ""
            name = os.path.basename(command[0])
            raise Failure(f"{name}: status {status}: {lines}{text}", status)
        out.seek(0)
        return out.read()


def wait(child: subprocess.Popen, timeout: float) -> int:
    """The exit status, at once: `Popen.wait` with a timeout looks every 50 ms only."""
    ended = os.pidfd_open(child.pid)
    try:
        if not select.select([ended], [], [], timeout)[0]:
            raise Failure(f"{child.args[0]} took more than {timeout:g} s")
    finally:
        os.close(ended)
    return child.wait()


def end(child: subprocess.Popen) -> None:
    """Gives a program and its pipeline the time to clean up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            wait(child, 10)
        except (Failure, ProcessLookupError):
            pass


def open_unnamed():
    return os.fdopen(os.memfd_create("output"), "w+b")


def timed(command: list[str], env: dict | None = None) -> float:
    """Seconds from start to end."""
    start = time.perf_counter()
    run(command, env)
    return time.perf_counter() - start


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                pass  # it has ended
    return found


def descendants(root: int, without: frozenset[int] = frozenset()) -> set[int]:
    """The processes below one; those in `without` and what is below them are left out."""
    above = parents()
    found: set[int] = set()
    for process in above:
        line = []
        current = process
        while current not in (root, 0) and current not in without:
            line.append(current)
            current = above.get(current, 0)
        if current == root:
            found.update(line)
    return found


def peak_bytes(process: int) -> int:
    """The most memory that a process ever held at once (VmHWM); 0 if it has ended."""
    try:
        with open(f"/proc/{process}/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def end_all() -> None:
    """Ends every process below this one."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        for process in descendants(os.getpid()):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass
        if bury_children(patience):
            return


def bury_children(within: float) -> bool:
    """Waits until no child is left; false after so many seconds."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return True
    return False


class Watch:
    """Polls the memory of all processes that begin below this one while the watch goes on.

    A peak is known up to what a process takes in its last 10 ms. Costs time: not for timed runs.
    """

    def __init__(self):
        self.peaks: dict[str, int] = {}  # by `program`
        self.calls: dict[str, tuple[list[bytes], list[bytes]]] = {}  # arguments and environment
        self.own = read(f"/proc/{os.getpid()}/cmdline")
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.poll, daemon=True)

    def __enter__(self):
        self.before = descendants(os.getpid())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def poll(self) -> None:
        while not self.ended.wait(0.01):
            left_out = frozenset(self.before)
            for process in descendants(os.getpid(), left_out):
                self.look_at(process)

    def look_at(self, process: int) -> None:
        line = read(f"/proc/{process}/cmdline")
        if not line or line == self.own:
            return  # has ended, or is about to become another program
        arguments = line.split(b"\0")[:-1]
        name = program(arguments)
        self.peaks[name] = max(self.peaks.get(name, 0), peak_bytes(process))
        if name not in self.calls:
            environment = read(f"/proc/{process}/environ").split(b"\0")[:-1]
            self.calls[name] = (arguments, environment)

    def largest(self, *programs: str) -> int:
        """The peak of the largest process of some programs."""
        return max((self.peaks.get(os.path.basename(name), 0) for name in programs), default=0)


def program(arguments: list[bytes]) -> str:
    """The name by which a process was called; of a script that of the script."""
    names = [os.path.basename(os.fsdecode(word)) for word in arguments[:2]]
    return names[-1] if names[0].startswith("python") else names[0]


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
