"""The other side, with the libraries that people would take, each in the way of its own pages."""
