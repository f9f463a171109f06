from ruamel.yaml.error import StreamMark

class Event:
    start_mark: StreamMark
    end_mark: StreamMark

class NodeEvent(Event):
    anchor: str | None

class AliasEvent(NodeEvent): ...

class ScalarEvent(NodeEvent):
    value: str
    style: str | None

class SequenceStartEvent(NodeEvent): ...
class SequenceEndEvent(Event): ...
class MappingStartEvent(NodeEvent): ...
class MappingEndEvent(Event): ...

class DocumentStartEvent(Event):
    version: tuple[int, int] | None
    tags: dict[str, str] | None

class DocumentEndEvent(Event): ...
class StreamStartEvent(Event): ...
class StreamEndEvent(Event): ...
