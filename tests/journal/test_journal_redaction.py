from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from refine_tui.journal import Redactor, SqliteJournal

# Put together here, so that no file of the project holds anything that looks like a token.
SECRETS = {
    "hugging face": "hf_" + "aB3" * 12,
    "openai": "sk-proj-" + "aB3_" * 12,
    "openai old": "sk-" + "aB3" * 16,
    "anthropic": "sk-ant-" + "api03-aB3x" * 5,
    "github": "ghp_" + "aB3d" * 9,
    "github fine": "github_pat_" + "11AB_" + "aB3d" * 15,
    "gitlab": "glpat-" + "aB3d" * 5,
    "aws": "AKIA" + "ABCD2345" * 2,
    "google": "AIza" + "aB3-_" * 7,
    "npm": "npm_" + "aB3d" * 9,
    "pypi": "pypi-" + "aB3d" * 16,
    "slack": "xoxb-" + "123456789012-abcdef",
    "stripe": "sk_live_" + "aB3d" * 6,
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIx" * 2 + "." + "c2ln" * 5,
    "pem": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE " + "KEY-----",
    "known": "correct horse battery",
}
NAMED = {
    "password='hunter22'": "hunter22",
    'DB_PASSWORD = "s3cr3t!x"': "s3cr3t!x",
    "password=abc12345": "abc12345",
    '{"api_key": "0123456789abcdef"}': "0123456789abcdef",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz": "wJalrXUtnFEMI",
    "postgres://bob:hunter22@host/db": "hunter22",
    "Authorization: Bearer abcdefghijklmnopqrstuv123": "abcdefghijklmnopqrstuv123",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_tokens_never_reach_the_disk(tmp_path: Path, kind: str) -> None:
    secret = SECRETS[kind]
    journal = SqliteJournal(tmp_path, Redactor([SECRETS["known"]]))
    journal.append("error", {"text": f"before {secret} after", secret: [secret, {"deep": (secret,)}]})
    (row,) = journal.rows()
    journal.close()
    assert row[4]["text"].startswith("before [redacted")
    assert row[4]["text"].endswith("] after")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret.encode() not in stored
    assert secret.replace("\n", "\\n").encode() not in stored


@pytest.mark.parametrize("text", NAMED)
def test_named_secrets_go_and_their_names_stay(text: str) -> None:
    found = Redactor().text(text)
    assert NAMED[text] not in found
    assert "[redacted" in found
    assert found[:6] == text[:6]


@pytest.mark.parametrize(
    "text",
    [
        "password = form.password1",
        "def login(user, password=None):",
        "token = tokens[index1]",
        "password: str = field(default='')",
        "assert sk-1 == hf_x",
        "https://example.org:8080/path@2",
        "secret_key_base64 = load(key1)",
        "FAILED tests/test_login.py::test_password - assert 1 == 2",
    ],
)
def test_ordinary_code_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_patches_stay_whole_and_short_known_values_are_no_secrets() -> None:
    value = {"patch": {"edits": [{"new": {"b64": SECRETS["aws"]}}]}, "n": 1, "none": None}
    assert Redactor(["abc"]).value(value) == value
    assert Redactor(["abc"]).text("abc") == "abc"


def test_the_standard_library_hardly_ever_looks_like_a_secret() -> None:
    folder, redactor = Path(sysconfig.get_path("stdlib")), Redactor()
    lines = [line for file in sorted(folder.glob("*.py"))[:60] for line in file.read_text("utf-8", "replace").splitlines()]
    hits = [line for line in lines if redactor.text(line) != line]
    assert len(hits) <= len(lines) / 10_000 + 1, hits


@pytest.mark.parametrize(
    "text", ["a-" * 200_000, "password=" * 40_000, "eyJ-" * 80_000, "://" * 100_000, "secret" * 50_000, "-----BEGIN " * 30_000]
)
def test_hostile_texts_take_no_time(text: str) -> None:
    assert Redactor().text(text)  # a quadratic pattern would run into the time limit of the tests
