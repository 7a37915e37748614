"""`python -m c8ybin` is the command line."""

from c8ybin.cli import main

if __name__ == "__main__":
    main(prog_name="c8ybin")
