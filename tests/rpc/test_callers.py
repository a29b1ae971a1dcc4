"""The table of who may call what, held against the calls that the services' code makes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import aviary
from aviary.gateway.bindings import methods, read_descriptors
from aviary.rpc.callers import CALLS, GATEWAY, OPERATOR, SERVICES, called_by, may_call
from aviary.rpc.method import PUBLIC, SERVICE, Method

METHODS = list(methods(read_descriptors()))
# The services' own modules: what they call goes through stubs that they keep as attributes.
SOURCES = Path(aviary.__path__[0])


def made_by(service: str) -> set[str]:
    """The names of all RPCs between services that occur in a service's code as something called."""
    names = {method.name for method in METHODS if method.access == SERVICE}
    found: set[str] = set()
    for file in (SOURCES / service).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                found.add(node.func.attr)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_may_make_the_calls_that_its_code_makes_and_no_others(service: str) -> None:
    allowed = {name for names in CALLS.get(service, {}).values() for name in names}

    assert made_by(service)
    assert made_by(service) == allowed
    assert allowed == {method.name for method in METHODS if may_call(service, method)}


def test_every_service_there_is_has_its_row() -> None:
    assert {method.group for method in METHODS} == set(SERVICES) == CALLS.keys()
    assert all(called_by(service) <= set(SERVICES) - {service} for service in SERVICES)


def test_the_table_names_nothing_that_does_not_exist() -> None:
    paths = {method.path for method in METHODS}
    named = [f"/aviary.api.{each}/{rpc}" for called in CALLS.values() for each, rpcs in called.items() for rpc in rpcs]

    assert set(named) <= paths


def test_no_service_may_do_what_a_person_or_an_operator_does() -> None:
    for method in METHODS:
        if method.access != SERVICE:
            assert not any(may_call(service, method) for service in SERVICES), method.path


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.group}.{method.name}")
def test_the_gateway_and_operators_share_no_call(method: Method) -> None:
    assert may_call(GATEWAY, method) is (method.access != SERVICE)
    assert may_call(OPERATOR, method) is (method.access == SERVICE)
    assert not may_call("", method)
    assert not may_call("nobody", method)


def test_what_services_ask_of_each_other_changes_nothing() -> None:
    """Each is said to be read-only, so that it may be made again; a write would need a key first."""
    asked = [method for method in METHODS if any(may_call(service, method) for service in SERVICES)]

    assert len(asked) > 10
    assert all(method.read_only for method in asked)


def test_nothing_that_writes_is_said_to_be_read_only() -> None:
    for method in METHODS:
        if method.read_only:
            assert method.access == SERVICE, method.path
            assert not method.has_key, method.path
            assert method.name.startswith(("Get", "BatchGet", "List", "Find", "Resolve", "Stream", "Hydrate", "Merge"))
    assert not any(method.read_only for method in METHODS if method.access == PUBLIC)
