"""The command line: one file a command family, imported when it is used."""
