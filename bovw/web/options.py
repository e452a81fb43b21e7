"""How an index is served: limits, who may ask, and on which address."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..errors import SettingsError, imported
from ..parallel import worker_count

_SHORTEST_TOKEN = 16
_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "jinja2")


@dataclass(frozen=True)
class ServeOptions:
    """Limits of a server, and who may ask it.

    Parameters
    ----------
    host : str
        Address to listen on. Only with a token may it be another than a loopback address.
    port : int
        0: any that is free.
    token : str, optional
        What people and programs must know to be answered; at least 16 characters.
    names : tuple of str
        Names by which browsers reach the server, besides `host` and localhost.
    workers : int
        How many processes decode pictures, and how many searches run at once.
    waiting : int
        How many searches may wait; further ones are refused with status 429.
    max_bytes : int
        Largest upload, all its pictures together.
    max_pixels : int
        Largest number of pixels of a picture that is uploaded.
    max_pictures : int
        How many pictures a query may have.
    seconds : float
        How long an upload may take, and how long a picture may be decoded.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    names: tuple[str, ...] = ()
    workers: int = 2
    waiting: int = 32
    max_bytes: int = 64 << 20
    max_pixels: int = 100_000_000
    max_pictures: int = 8
    seconds: float = 60.0


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_options(options: ServeOptions) -> ServeOptions:
    """Return the options when a server may run with them.

    Raises
    ------
    SettingsError
        When others than this machine could reach it without a token, the token is short, or a
        limit is out of its range.
    """
    if options.token is None and not is_loopback(options.host):
        raise SettingsError(
            f"host {options.host} can be reached from other machines: give a token (--token, or "
            "BOVW_TOKEN) that they must know, or leave the host out"
        )
    if options.token is not None and (
        len(options.token) < _SHORTEST_TOKEN
        or not options.token.isascii()
        or not options.token.isalnum()
    ):
        raise SettingsError(
            f"the token has {len(options.token)} characters: expected at least {_SHORTEST_TOKEN}, "
            "only letters a to z and digits, such as the output of: openssl rand -hex 16"
        )
    least = {"workers": 1, "waiting": 0, "max_bytes": 1024, "max_pixels": 1, "max_pictures": 1}
    for name, smallest in least.items():
        if getattr(options, name) < smallest:
            raise SettingsError(f"{name}={getattr(options, name)}: expected at least {smallest}")
    if not 0 <= options.port <= 65535:
        raise SettingsError(f"port={options.port}: expected 0 to 65535")
    return options


def default_workers() -> int:
    """As many as there are cores for this process, but at most 8: a search uses one core."""
    return min(8, worker_count(-1))


def check_packages() -> None:
    """Raise a MissingPackageError when a package of the extra ``web`` is not installed."""
    for package in _PACKAGES:
        imported(package, "web", "bovw serve")
