"""Use cases: decisions of the core, carried out through the ports."""
