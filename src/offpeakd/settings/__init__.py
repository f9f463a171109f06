"""From text to settings: files and variables, read, merged, checked, turned into core values."""

import os

# What a configuration means must not hang on what else is installed, and to look for that at the
# first model reads the metadata of every package (Pydantic's documentation, "Plugins").
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
