"""Speed, measured: `make bench`. Every figure is a ratio or a median of one interleaved run."""
