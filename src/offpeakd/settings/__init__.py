"""From text to settings: files and variables, read, merged, checked, turned into core values."""
