"""What a whole run of the tests may be told to do otherwise."""

from __future__ import annotations

import os

# "off": hot reads are answered by the handlers alone.
FRONT = os.environ.get("AVIARY_TEST_FRONT", "on")
