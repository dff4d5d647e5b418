"""What is measured: banger-fs and the others, each as the commands that a person would type.

Knows how each is started and ended and where it keeps its index; not what the numbers mean.
"""

import json
import os
import shutil
import subprocess
import time

from processes import Failure, Watch, bury_children, end_all, run, timed


def fresh(directory: str) -> str:
    """An empty directory in place of whatever is there."""
    remove(directory)
    os.makedirs(directory)
    return directory


def remove(path: str) -> None:
    """With all that is in it, of which an unpacked image may have made directories unwritable."""
    if os.path.isdir(path) and not os.path.islink(path):
        if os.getuid() != 0:
            subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def tree_bytes(directory: str) -> int:
    """Of the files below a directory."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(directory)
        for name in names
    )


def quote(words: list[str]) -> str:
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


class Image:
    """An OCI layout with one tag."""

    def __init__(self, layout: str, tag: str):
        self.layout, self.tag = layout, tag
        self.reference = f"oci:{layout}:{tag}"
        manifest = self.document(self.json("index.json")["manifests"][0]["digest"])
        self.layers = [self.blob(layer["digest"]) for layer in manifest["layers"]]
        self.compressed_bytes = sum(layer["size"] for layer in manifest["layers"])

    def json(self, name: str) -> dict:
        with open(f"{self.layout}/{name}", encoding="utf-8") as file:
            return json.load(file)

    def blob(self, digest: str) -> str:
        return f"{self.layout}/blobs/" + digest.replace(":", "/")

    def document(self, digest: str) -> dict:
        with open(self.blob(digest), encoding="utf-8") as file:
            return json.load(file)


class Mount:
    """A file system that a program serves in the background. Unmounts when it is left.

    What readers complain of fails, or, with `tolerates`, is collected in `complaints`.
    """

    def __init__(
        self,
        command: list[str],
        mountpoint: str,
        env: dict | None = None,
        tolerates: bool = False,
    ):
        self.command, self.mountpoint, self.env = command, mountpoint, env
        self.tolerates = tolerates
        self.complaints: list[str] = []
        os.makedirs(mountpoint, exist_ok=True)

    def __enter__(self):
        script = f"{quote(self.command)} && exec ls {quote([self.mountpoint])}"
        try:
            # Until the first listing is there.
            self.seconds = timed(["sh", "-c", script], self.env)
        except BaseException:
            unmount(self.mountpoint)
            raise
        return self

    def __exit__(self, *_):
        unmount(self.mountpoint)

    def find(self) -> float:
        return self.reader(["find", self.mountpoint, "-xdev", "-ls"])

    def tar(self) -> float:
        # Through a pipe, because GNU tar does not read what it writes to /dev/null.
        pipe = 'set -o pipefail; tar -C "$1" --one-file-system -cf - . | wc -c'
        return self.reader(["bash", "-c", pipe, "tar", self.mountpoint])

    def reader(self, command: list[str]) -> float:
        """Seconds of a program that goes on behind single files that it cannot read."""
        start = time.perf_counter()
        try:
            run(command)
        except Failure as failure:
            if not self.tolerates or failure.status not in (1, 2):
                raise
            # Where the benchmark runs is nobody's business who reads its table.
            self.complaints.append(str(failure).replace(self.mountpoint, ""))
        return time.perf_counter() - start


def is_mounted(path: str) -> bool:
    """Asks nobody who might not answer."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.split()[4] == path.replace(" ", "\\040") for line in file)


def unmount(path: str) -> None:
    """Waits until the server has ended as well: its memory and its locks are gone then."""
    if is_mounted(path):
        try:
            run(["fusermount3", "-u", path], timeout=60)
        except Failure:
            run(["fusermount3", "-uz", path], timeout=60)
    if not bury_children(within=5):
        # Another mount namespace that was made meanwhile has a copy of the mount, and keeps it alive.
        end_all()


def unmount_below(directory: str) -> None:
    """What a run that was killed has left."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        places = [line.split()[4].replace("\\040", " ") for line in file]
    for place in places:
        if place.startswith(directory + "/"):
            subprocess.run(["fusermount3", "-uz", place], check=False)


class BangerFS:
    """banger-fs with one cache directory."""

    def __init__(self, binary: str, work: str):
        self.binary, self.work = binary, work
        self.cache = f"{work}/cache"

    @property
    def env(self) -> dict:
        return {**os.environ, "BANGER_FS_CACHE": self.cache}

    def forget(self) -> None:
        fresh(self.cache)

    def index_bytes(self) -> int:
        """Everything that is kept beside blobs, of which there are none: they lie in the layout."""
        self.forget_results()
        return tree_bytes(f"{self.cache}/banger")

    def forget_results(self) -> None:
        """Where files can share blocks, an earlier result would be cloned instead."""
        remove(f"{self.cache}/banger/results")

    def mount(self, image: Image, *options: str) -> Mount:
        place = f"{self.work}/ours"
        command = [self.binary, "mount", *options, image.reference, place]
        return Mount(command, place, self.env)

    def materialize_command(self, image: Image, output: str, *options: str) -> list[str]:
        self.forget_results()
        remove(output)
        return [
            self.binary, "materialize", "--format", "json", *options, image.reference, output
        ]


class Ratarmount:
    """ratarmount over the layers as a union of archives, lowest first: it does not know OCI."""

    def __init__(self, program: str, work: str):
        self.program, self.work = program, work
        self.index = f"{work}/ratarmount-index"
        self.options = os.environ.get("RATARMOUNT_OPTIONS", "").split()

    def forget(self) -> None:
        fresh(self.index)

    def index_bytes(self) -> int:
        return tree_bytes(self.index)

    def mount(self, image: Image) -> Mount:
        links = fresh(f"{self.work}/layers")
        archives = []
        for number, layer in enumerate(image.layers, start=1):
            archives.append(f"{links}/{number}.tar.gz")
            os.symlink(layer, archives[-1])
        place = f"{self.work}/ratarmount"
        command = [
            self.program, "--index-folders", self.index, *self.options, *archives, place
        ]
        return Mount(command, place, tolerates=True)


class Mkfs:
    """mkfs.ext4 -d on a directory, called as banger-fs calls it, on a file of the same size."""

    def __init__(self, watch: Watch, size: int):
        """What `watch` saw while banger-fs materialized."""
        if "mkfs.ext4" not in watch.calls:
            raise Failure("banger-fs materialize did not run mkfs.ext4")
        arguments, environment = watch.calls["mkfs.ext4"]
        self.arguments = [os.fsdecode(word) for word in arguments]
        pairs = (os.fsdecode(pair).partition("=") for pair in environment)
        self.env = {name: value for name, _, value in pairs}
        self.size = size
        if "-d" not in self.arguments:
            raise Failure(f"unexpected call of mkfs.ext4: {self.arguments}")

    @property
    def options(self) -> str:
        """For people: without the paths."""
        place = self.arguments.index("-d")
        return " ".join(self.arguments[1:place] + self.arguments[place + 2 : -1])

    def seconds(self, tree: str, output: str) -> float:
        remove(output)
        command = list(self.arguments)
        command[command.index("-d") + 1] = tree
        command[-1] = output
        start = time.perf_counter()
        with open(output, "wb") as file:
            file.truncate(self.size)
        run(command, self.env)
        return time.perf_counter() - start


def unpack(image: Image, tree: str) -> float:
    """By umoci, with owners where we are root. Returns the seconds."""
    remove(tree)
    rootless = [] if os.getuid() == 0 else ["--rootless"]
    image_name = f"{image.layout}:{image.tag}"
    return timed(["umoci", "raw", "unpack", *rootless, "--image", image_name, tree])


def decompress(tool: str, image: Image) -> float:
    """All layers one after the other, into the same program that counts what tar writes."""
    pipe = 'set -o pipefail; for layer; do "$tool" -dc "$layer"; done | wc -c'
    env = {**os.environ, "tool": tool}
    return timed(["bash", "-c", pipe, tool, *image.layers], env)
