"""Programs: compiled ones, kept from one process to the next."""

from __future__ import annotations

import os
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from pynodes._boundary import boundary
from pynodes._errors import InputError

LEAST_SECONDS = 0.1
"""What takes less time to compile is not kept: to find and read it would take as long."""


@boundary
def cache_programs(folder: str | os.PathLike[str]) -> None:
    """Keep compiled programs in a folder, for later processes.

    A setting of the whole process: JAX's compilation cache, for all that is compiled from now on, with
    programs in it that compile in less than the second that JAX waits for. They are found again by their
    text, JAX's version and the kind of machine; what is stale is never used. The folder may be deleted at
    any time.

    Parameters
    ----------
    folder
        Where to keep programs; made if it is not there. One for a project is enough.

    Raises
    ------
    InputError
        A folder that cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> import pynodes as pn
    >>> pn.cache_programs(tempfile.mkdtemp())
    """
    if not isinstance(folder, str | os.PathLike):
        raise InputError(f"folder must be a path, as in 'programs', not {folder!r}.")
    path = Path(folder).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {str(path)!r} cannot be made: {error.strerror}.") from error
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_SECONDS)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Once something was compiled, JAX looks at a new folder only after this.
    compilation_cache.reset_cache()
