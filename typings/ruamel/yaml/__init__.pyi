from collections.abc import Iterator

from ruamel.yaml.events import Event

class YAML:
    def __init__(self, *, typ: str | None = None, pure: bool = False) -> None: ...
    def parse(self, stream: str | bytes) -> Iterator[Event]: ...
