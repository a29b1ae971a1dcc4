"""What the core's tests share."""

from __future__ import annotations

import pytest
from tests.native.conformance import PUBLISHED


@pytest.fixture
def published() -> None:
    """Ask for the published cases beside the checkout."""
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not there: the product is tested without the published cases")
