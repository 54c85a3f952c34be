"""Connects to a Ray cluster, or starts one on this machine, for as long as a block runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncline.errors import SynclineError

LOCAL = "local"
"""The address that stands for a cluster of this machine's own, started and ended with the block."""


@contextmanager
def cluster(address: str = LOCAL, workers: int = 2) -> Iterator[Any]:
    """Gives the module ``ray``, connected; a connection that stood before is used and left as it was.

    Args:
        address: of a running cluster (``auto`` finds the one of this machine), or ``local`` to start one here.
        workers: cores of the one that is started here.

    Raises:
        SynclineError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise SynclineError("--ray needs Ray; pip install 'syncline[ray]'") from error
    started = not ray.is_initialized()
    if started:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        try:
            if address == LOCAL:
                ray.init(num_cpus=workers, include_dashboard=False, **quiet)
            else:
                _knock(address)
                ray.init(address=address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SynclineError(f"no Ray cluster at {address!r}: {said}; give its address, or 'local'") from error
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for minutes to reach a machine that is not there; raises OSError at once."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
