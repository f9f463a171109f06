"""Commands that are imported when they are used, so that help and completion stay fast."""

import importlib
from collections.abc import Sequence

import click

from offpeakd.core.values import value


@value
class Entry:
    """One line of the table of commands.

    Attributes:
        name: as typed.
        place: `module:attribute` of the command.
        summary: its line in `--help`.
        section: the heading it stands under.
    """

    name: str
    place: str
    summary: str
    section: str


class DeferredCommand(click.Command):
    """Stands for a command that is not imported yet: knows its name and its help line."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, short_help=entry.summary)
        self.entry = entry

    def load(self) -> click.Command:
        """Import the command itself."""
        module, _, attribute = self.entry.place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.entry.place} is no command")
        return command


class DeferredGroup(click.Group):
    """A group of deferred commands, listed under headings."""

    def add_entries(self, entries: Sequence[Entry]) -> None:
        """Register the table's commands."""
        for entry in entries:
            self.add_command(DeferredCommand(entry))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, DeferredCommand):
            command = command.load()
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the library's signature
        """Write the list of commands under its headings; imports none of them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for command in self.commands.values():
            if isinstance(command, DeferredCommand):
                entry = command.entry
                sections.setdefault(entry.section, []).append((entry.name, entry.summary))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)
