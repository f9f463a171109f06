"""Speed, measured: `make bench`. Every figure comes of runs in turn, beside something plain."""
