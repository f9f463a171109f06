"""Keys and tokens: where they come from, how they are renewed, how they authorize a call."""
