"""PostgreSQL's `jsonb`, for values that are text on this side."""

from typing import Any

from sqlalchemy.types import UserDefinedType
from typing_extensions import override


class BoundJsonb(UserDefinedType[Any]):
    """`jsonb` whose values arrive as text already, and are given to the driver as they are.

    The toolkit's own type, and any that descends from it, is exchanged for one that writes what it is
    given as JSON once more: a text would become a JSON string with JSON in it.
    """

    cache_ok = True

    @override
    def get_col_spec(self, **_: Any) -> str:
        return "JSONB"
