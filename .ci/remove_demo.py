"""Removes the demo's folder, unless a demo runs in it."""

import fcntl
import shutil
import sys
from pathlib import Path

folder = Path(__file__).resolve().parent.parent / "var" / "demo"
if folder.exists():
    with (folder / "launcher.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("The demo is running: stop it with Ctrl-C first.")
        shutil.rmtree(folder)
