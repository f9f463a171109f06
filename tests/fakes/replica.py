"""A PostgreSQL server with a replica that is behind."""

import shutil
import subprocess
from pathlib import Path

from fakes.postgres import Server


class Replicated:
    """The replica takes over with the files as they were when it was last told.

    Attributes:
        server: the one that answers at this moment.
    """

    def __init__(self, home: Path) -> None:
        self.server = Server(home)
        self.server.start()
        self._cluster = home / "cluster"
        self._copy = home / "replica"

    def replicate(self) -> None:
        """What is committed from now on never reaches the replica."""
        self.server.stop_at_once()
        subprocess.run(["cp", "-a", str(self._cluster), str(self._copy)], check=True)
        self.server.start()

    def fail_over(self) -> None:
        """Let the replica take the server's place."""
        self.server.stop_at_once()
        shutil.rmtree(self._cluster)
        self._copy.rename(self._cluster)
        self.server.start()
