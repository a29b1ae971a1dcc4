"""`python -m aviary` is `aviary`."""

from __future__ import annotations

from aviary.cli import main

if __name__ == "__main__":
    main()
