"""A temporary folder that lives as long as its process: what a killed one left is removed by the next."""

import fcntl
import shutil
import tempfile
from pathlib import Path


class PrivateFolder:
    """A folder `<prefix>…`, locked while its process lives; making one removes those of killed processes.

    Short enough for the sockets of servers in it. `remove` at the end; the kernel drops the lock of who can't.
    """

    def __init__(self, prefix: str) -> None:
        remove_abandoned_folders(prefix)
        unnamed = Path(tempfile.mkdtemp(prefix="pgs-new-"))
        self._lock = (unnamed / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only now does it bear the name that others look for: unlocked, it would count as abandoned.
        self.path = unnamed.rename(unnamed.with_name(unnamed.name.replace("pgs-new-", prefix)))

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_abandoned_folders(prefix: str) -> None:
    """Removes the folders of this prefix whose process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # Locked by a living process, just being made, or another user's.
            continue
