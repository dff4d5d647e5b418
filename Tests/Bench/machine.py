"""What is true of the machine and of a directory. Measures nothing."""

import os
import platform
import stat
import subprocess

BUFFER = bytearray(1 << 20)


def warm_files(paths: list[str]) -> None:
    """Reads files, so that they are in the page cache."""
    for path in paths:
        try:
            with open(path, "rb", buffering=0) as file:
                while file.readinto(BUFFER):
                    pass
        except PermissionError:
            pass


def warm_tree(directory: str) -> None:
    for parent, _, names in os.walk(directory):
        paths = (os.path.join(parent, name) for name in names)
        warm_files([path for path in paths if stat.S_ISREG(os.lstat(path).st_mode)])


def readable_files(directory: str, at_least: int) -> list[tuple[bytes, int]]:
    """Paths below a directory, with a slash in front, and sizes. Not those with line breaks."""
    root = os.fsencode(directory)
    found = []
    for parent, _, names in os.walk(root):
        for name in names:
            path = os.path.join(parent, name)
            facts = os.lstat(path)
            if stat.S_ISREG(facts.st_mode) and facts.st_size >= at_least and b"\n" not in path:
                found.append((path[len(root) :], facts.st_size))
    return found


def tree_facts(directory: str) -> dict:
    """How many names there are, and how many bytes the files have; hard links count once."""
    entries, sizes = 0, {}
    for parent, directories, names in os.walk(directory):
        entries += len(directories) + len(names)
        for name in names:
            facts = os.lstat(os.path.join(parent, name))
            if stat.S_ISREG(facts.st_mode):
                sizes[facts.st_ino] = facts.st_size
    return {"entries": entries, "files": len(sizes), "fileBytes": sum(sizes.values())}


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "absent"
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines[0].strip() if lines else "absent"


def versions(binary: str, ratarmount: str) -> dict[str, str]:
    """What each program says of itself in its first line."""
    return {
        "banger-fs": first_line(binary, "--version"),
        "e2fsprogs": first_line("mkfs.ext4", "-V"),
        "umoci": first_line("umoci", "--version"),
        "ratarmount": first_line(ratarmount, "--version"),
        "gzip": first_line("gzip", "--version"),
        "igzip": first_line("igzip", "--version"),
        "python": platform.python_version(),
    }


def field(path: str, name: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return "unknown"


def file_system(directory: str) -> str:
    """The type of what is mounted where a directory lies: the longest mount point above it."""
    directory = os.path.realpath(directory)
    best, kind = "", "unknown"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            place = before.split()[4].replace("\\040", " ")
            covers = place == "/" or directory == place or directory.startswith(place + "/")
            # Of two at one place the later one is on top.
            if covers and len(place) >= len(best):
                best, kind = place, after.split()[0]
    return kind


def facts(directory: str) -> dict:
    """The directory says which file system all was measured on."""
    memory = field("/proc/meminfo", "MemTotal").split()[0]
    release = platform.freedesktop_os_release() if os.path.exists("/etc/os-release") else {}
    return {
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memoryBytes": int(memory) * 1024 if memory.isdigit() else None,
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", "unknown"),
        "fileSystem": file_system(directory),
        "loadBefore": os.getloadavg()[2],
    }
