"""Stores ids from a file in offpeakd's own table, by one `executemany`.

python -m benchmarks.loops.sqlite_add FILE DATABASE
"""

import sys
from contextlib import closing
from pathlib import Path

from benchmarks.loops.sqlite_loop import connect

INSERT = """
INSERT INTO request (target, instance_id, reason, requested_by, requested_at)
VALUES ('t0', ?, 'bench', 'bench', '2026-01-01T00:00:00.000000Z')
"""


def main() -> None:
    ids = Path(sys.argv[1]).read_text().split()
    with closing(connect(Path(sys.argv[2]))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, [(one,) for one in ids])
        connection.execute("COMMIT")


if __name__ == "__main__":
    main()
