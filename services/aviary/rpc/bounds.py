"""How far one service goes for an answer of another: every number of it in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from aviary.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an operator chose, and what needs no choice."""

    deadline_s: float = 5.0
    # Kept back from the deadline passed on, so that the caller can still say what became of its call.
    margin_s: float = 0.02

    # Retries and hedges, as a share of the calls and as many at once after a quiet time.
    retry_share: float = 0.1
    retry_burst: int = 10
    retries: int = 3
    backoff_s: float = 0.025
    backoff_most_s: float = 0.5

    # The breaker opens when of at least so many attempts in the window this share failed.
    breaker_window_s: int = 10
    breaker_attempts: int = 20
    breaker_share: float = 0.5
    breaker_open_s: float = 2.0
    # Doubled with each trial that fails, up to this.
    breaker_open_most_s: float = 30.0
    # That many trials in a row, one at a time, close it again.
    breaker_trials: int = 3
    # Running out of less time than this says nothing about the service.
    fair_trial_s: float = 0.1

    hedge_after_s: float = 0.02
    hedge_quantile: float = 0.95

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            deadline_s=settings.deadline_ms / 1000,
            retry_share=settings.retry_percent / 100,
            breaker_share=settings.breaker_percent / 100,
            breaker_open_s=settings.breaker_open_s,
            hedge_after_s=settings.hedge_after_ms / 1000,
        )
