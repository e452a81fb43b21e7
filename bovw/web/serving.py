"""Serving an index, from its folder to the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .options import ServeOptions, check_packages, checked_options
from .register import Register


def serve(
    index: str | os.PathLike[str],
    options: ServeOptions,
    register: Register | None = None,
    *,
    trusted: bool = True,
    ready: Callable[[str, int, Sequence[str]], None],
) -> None:
    """Serve an index until Ctrl-C or SIGTERM.

    Parameters
    ----------
    index : path
        Folder of an index.
    options : ServeOptions
    register : Register, optional
    trusted : bool
        See `Engine.open`.
    ready : callable
        Called once with the address to open, the number of pictures, and the pictures that the
        register names and the index does not have.

    Raises
    ------
    MissingPackageError
        When a package of the extra ``web`` is not installed.
    SettingsError
        When the options do not fit together, the address cannot be listened on, or the index is a
        compressed one.
    StorageError
        When the index cannot be opened.
    """
    check_packages()
    from .server import address, listening, run
    from .service import open_service

    checked_options(options)
    register = register or Register()
    where = listening(options.host, options.port)
    try:
        service = open_service(index, register, options, trusted=trusted)
        unknown = register.unknown(service.engine.collection.positions)
        ready(address(where, options.token), len(service.engine), unknown)
        run(service, where)
    finally:
        where.close()
