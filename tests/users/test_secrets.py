"""The secrets of a deployment: made once, kept, never replaced in silence."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from aviary import secrets
from aviary.errors import Unavailable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    first, again = secrets.load(tmp_path), secrets.load(tmp_path)

    assert (again.root, again.key_id) == (first.root, first.key_id)
    assert len(first.root) == 32
    assert first.signing_key.sign(b"x") == again.signing_key.sign(b"x")


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    secrets.load(tmp_path)

    assert mode(tmp_path / "secrets") == 0o700
    assert {file.name: mode(file) for file in (tmp_path / "secrets").iterdir()} == {"root": 0o600, "signing.pem": 0o600}


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(secrets.load, [tmp_path] * 16))

    assert len({(each.root, each.key_id) for each in loaded}) == 1
    assert {file.name for file in (tmp_path / "secrets").iterdir()} == {"root", "signing.pem"}


def test_deployments_share_nothing(tmp_path: Path) -> None:
    one, two = secrets.load(tmp_path / "one"), secrets.load(tmp_path / "two")

    assert one.key_id != two.key_id
    assert one.derive("cursors") != two.derive("cursors")


def test_each_purpose_has_bytes_of_its_own(tmp_path: Path) -> None:
    loaded = secrets.load(tmp_path)

    assert loaded.derive("cursors") == loaded.derive("cursors")
    assert len({loaded.derive("cursors"), loaded.derive("refresh-tokens"), loaded.root}) == 3


def test_printing_them_shows_no_secret(tmp_path: Path) -> None:
    loaded = secrets.load(tmp_path)

    assert repr(loaded) == f"Secrets(key_id={loaded.key_id!r})"


@pytest.mark.parametrize(
    ("name", "content"), [("root", b""), ("root", b"x" * 31), ("signing.pem", b""), ("signing.pem", b"no key")]
)
def test_a_damaged_secret_is_named_and_left_as_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    secrets.load(tmp_path)
    file = tmp_path / "secrets" / name
    file.write_bytes(content)

    with pytest.raises(Unavailable, match=str(file)):
        secrets.load(tmp_path)

    assert file.read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    secrets.load(tmp_path)
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "secrets" / "signing.pem").write_bytes(pem)

    with pytest.raises(Unavailable, match="not an Ed25519 key"):
        secrets.load(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file where the folder should be")

    with pytest.raises(Unavailable, match=r"cannot be read or made: .*; check its owner and mode"):
        secrets.load(tmp_path)
