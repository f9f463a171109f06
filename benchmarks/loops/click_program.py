"""An empty Click program with as many commands as asked for.

python -m benchmarks.loops.click_program NUMBER --help
"""

import sys

import click


@click.group()
def cli() -> None:
    """Do nothing."""


def main() -> None:
    number = int(sys.argv.pop(1))
    for place in range(number):
        cli.add_command(click.Command(f"command-{place}", help="Do nothing of this kind."))
    cli()


if __name__ == "__main__":
    main()
