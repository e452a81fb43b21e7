"""More than one machine, by a Dask cluster: workers read pictures, and search segments.

This package knows nothing of how a picture is described, or an answer found: it says which machine
does it. All machines see the index, and the pictures, at the same paths (a shared folder).

A Dask cluster runs what it is sent, and its processes exchange pickles, so only trusted machines
may reach its scheduler: docs/scaling.md, "Trust".
"""

from .indexing import update_index
from .sharded_engine import ShardedEngine

__all__ = ["ShardedEngine", "update_index"]
