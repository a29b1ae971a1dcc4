"""Where the services of a fleet answer, as an operator writes it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aviary.errors import InvalidInput
from aviary.rpc.callers import SERVICES


@dataclass(frozen=True, slots=True)
class Address:
    """One host, by name or number, and its port; a name may stand for many replicas."""

    host: str
    port: int

    @property
    def is_one_replica(self) -> bool:
        """Whether it is a number, which stands for one machine."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses(text: str) -> Mapping[str, Sequence[Address]]:
    """Read `users=host:port,graph=host:port`, where a name may come again with another address."""
    found: dict[str, list[Address]] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        name, _, address = entry.partition("=")
        if name not in SERVICES:
            raise InvalidInput(f"AVIARY_SERVICES names {name!r}; it must be one of {', '.join(SERVICES)}")
        found.setdefault(name, []).append(_address(entry, address))
    return found


def _address(entry: str, text: str) -> Address:
    host, _, port = text.rpartition(":")
    is_number = port.isascii() and port.isdecimal() and 0 < int(port) <= 65_535
    if not host or not is_number:
        raise InvalidInput(f"AVIARY_SERVICES has {entry!r}; it must look like users=host:port")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
