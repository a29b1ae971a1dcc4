"""What is used of the driver beyond the types that type checkers know of it, which are an older version's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_errors: Any = import_module("kafka.errors")

OffsetSpec: Any = import_module("kafka.admin").OffsetSpec
AsyncConsumerRebalanceListener: Any = import_module("kafka.consumer.subscription_state").AsyncConsumerRebalanceListener
Future: Any = import_module("kafka.future").Future
MemberState: Any = import_module("kafka.structs").MemberState
RetriableError: type[Exception] = _errors.RetriableError
