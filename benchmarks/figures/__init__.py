"""One module a figure; each has `measure(bench)`, which answers rows of the table."""
