"""What every refusal must be: the right status, the one shape, a sentence, and nothing of our insides."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

from tests.system.client import Answer
from tests.system.shapes import ERROR, differences

# HTTP status to the gRPC codes that may stand behind it.
_CODES = {
    400: {3, 9},
    401: {16},
    403: {7},
    404: {5},
    409: {6, 10},
    413: {3},
    415: {3},
    429: {8},
    431: {3},
    503: {14},
    504: {4},
}
_LEAKS = ("Traceback", "<class", "sqlite", "Exception", "Unexpected <", ".py", "grpc_status")


def is_refused(answer: Answer, status: int, reason: str = "") -> str:
    """What is wrong with a refusal; empty when nothing is."""
    if answer.status != status:
        return f"answered {answer.status}, not {status}: {answer.text[:300]}"
    if answer.headers["content-type"] != "application/json":
        return f"content type {answer.headers['content-type']}"
    return _wrong_with(answer, status) or (f"reason {answer.reason}" if reason and answer.reason != reason else "")


def faults(answers: Mapping[str, Answer], *statuses: int, reason: str = "") -> list[str]:
    """Which of these answers are no refusals with such a status, and why not."""
    wrong = {said: _fault(answer, statuses, reason) for said, answer in answers.items()}
    return [f"{said}: {fault}" for said, fault in wrong.items() if fault]


def _fault(answer: Answer, statuses: Collection[int], reason: str) -> str:
    if answer.status == 200 and 200 in statuses:
        return ""
    if answer.status not in statuses:
        return f"answered {answer.status}, not {statuses}: {answer.text[:300]}"
    return is_refused(_in_one_line(answer), answer.status, reason)


def _in_one_line(answer: Answer) -> Answer:
    """The transcoder's parser draws in several lines where a mistake is."""
    try:
        body = answer.body
        return replace(answer, text=json.dumps(body | {"message": " ".join(body["message"].split())}))
    except (ValueError, KeyError, TypeError):
        return answer


def _wrong_with(answer: Answer, status: int) -> str:
    body = answer.body
    if wrong := differences(body, ERROR):
        return wrong
    if body["code"] not in _CODES[status]:
        return f"code {body['code']} under {status}"
    if answer.details("ErrorInfo")["domain"] != "aviary" or not answer.reason.isupper():
        return f"ErrorInfo {answer.details('ErrorInfo')}"
    message = body["message"]
    if not message or "\n" in message or any(leak in answer.text for leak in _LEAKS):
        return f"message {message!r}"
    return ""
