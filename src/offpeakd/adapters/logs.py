"""Log lines: for people on a terminal, JSON elsewhere. The only home of structlog's set-up."""

import json
import logging
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TextIO

from offpeakd.adapters.left_out import left_out

if TYPE_CHECKING:
    from structlog.typing import Processor

# It draws its own tracebacks with `rich` where it can; ours are plain, and loading it takes time.
with left_out("rich"):
    import structlog

FIELD_LIMIT: Final = 2048
"""Characters of a field that a line keeps."""

_SECRET_WORDS: Final = (
    "authorization",
    "password",
    "secret",
    "signature",
    "token",
    "x-auth",
)
_Fields = MutableMapping[str, object]
_written: Final = json.JSONEncoder(ensure_ascii=False, default=str).encode


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Set up logging for the process; what libraries log looks as our own lines do.

    Args:
        level: `debug info warning error`.
        form: `console`, `json`, or `auto`: console on a terminal.
        stream: where lines go; standard error unless told.
    """
    out = stream if stream is not None else sys.stderr
    for_people = form == "console" or (form == "auto" and out.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=False, pad_event_to=20)
        if for_people
        else structlog.processors.JSONRenderer(_json_line)
    )
    facts: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *facts,
            structlog.processors.format_exc_info,
            _guard,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    libraries = logging.StreamHandler(out)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*facts, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _guard,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[libraries], level=logging.WARNING, force=True)
    # Its own warnings tell of a pass that is still going, which is normal here.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


def _guard(_logger: object, _method: str, fields: _Fields) -> _Fields:
    """Keep secrets out by name, foreign control characters out by escape, and lines short."""
    for name, value in fields.items():
        if _is_secret(name):
            fields[name] = "[redacted]"
        elif isinstance(value, str):
            fields[name] = _one_line(value)
    return fields


@lru_cache(maxsize=512)  # fields are named in the code, so they are few
def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)


def _json_line(fields: object, **_asked: object) -> str:
    """By an encoder made once: the library's way makes one for each line."""
    return _written(fields)


def _one_line(text: str) -> str:
    kept = text if len(text) <= FIELD_LIMIT else f"{text[:FIELD_LIMIT]}…"
    if kept.isprintable():
        return kept
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in kept
    )
