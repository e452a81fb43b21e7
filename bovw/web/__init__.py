"""`bovw serve`: one engine, asked by many requests: a JSON API, and the page that asks it.

This package decides nothing about search. Uploads are decoded in worker processes, and what a page
shows is made by `bovw.report`.
"""

from .options import ServeOptions, default_workers
from .register import Register, load_register
from .serving import serve

__all__ = ["Register", "ServeOptions", "default_workers", "load_register", "serve"]
