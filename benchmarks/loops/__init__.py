"""The other side, written by hand: claim ten, call, write down what came of it."""
