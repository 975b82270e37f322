"""`python -m hocket` is the `hocket` command."""

from hocket.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
