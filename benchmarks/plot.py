"""The plot of a record: latency by percentile, a curve for each load, with the target as a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.latency import Latencies

# Name of the panel's loads, its title, and where its p95 has to stay below.
_PANELS = (("home.", "home page of 20", 200.0), ("post.", "post", 100.0))
_SHOWN = (0, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9)


def draw(file: Path, curves: Mapping[str, Latencies], title: str) -> None:
    """Write a PNG. The percentiles are spread by their distance from 100, so that the tail has room."""
    import matplotlib as mpl  # noqa: PLC0415 - a second of import that only a recorded run needs

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    figure, axes = plt.subplots(1, len(_PANELS), figsize=(12, 5), sharey=True)
    for panel, (prefix, heading, target_ms) in zip(axes, _PANELS, strict=True):
        for name, latencies in curves.items():
            if name.startswith(prefix):
                label = name.removeprefix(prefix)
                panel.plot(_places(), [latencies.ms(p) for p in _SHOWN], marker=".", label=label)
        panel.axhline(target_ms, color="grey", linestyle="--", linewidth=0.8, label=f"target, p95 {target_ms:g} ms")
        panel.set(title=heading, xlabel="percentile", yscale="log", xscale="log")
        panel.set_xticks(_places(), [f"{p:g}" for p in _SHOWN], rotation=60)
        panel.minorticks_off()
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    axes[0].set_ylabel("milliseconds from when the request was due")
    figure.suptitle(title, fontsize="small")
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _places() -> list[float]:
    return [100 / (100 - percentile) for percentile in _SHOWN]
