"""Replacing: a file is written beside the old one and takes its place when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil


def replaced(path: str, data: bytes) -> None:
    """Write a file; whatever interrupts it, the old one is still there, and whole.

    Raises
    ------
    OSError
        The folder is not there, or cannot be written to; the disk is full.
    """
    target = os.path.realpath(path)
    beside = f"{target}.{secrets.token_hex(4)}.part"
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise
    settle_folder(os.path.dirname(target))


def settle_folder(folder: str) -> None:
    """Have the folder remember the new file through a power failure, where a system can be asked to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
