from collections.abc import Iterator

from typing import Any

from ruamel.yaml.events import Event

class YAML:
    def __init__(self, *, typ: str | None = None, pure: bool = False) -> None: ...
    def parse(self, stream: str | bytes) -> Iterator[Event]: ...
    def load(self, stream: str | bytes) -> Any: ...
