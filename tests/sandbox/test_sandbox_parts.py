"""Masks, advice, the macOS profile, control groups, and the level that runs nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Limits, Probe
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox import advice, canary, cgroups, kernel, open_sandbox, opening, seatbelt, workcopy
from refine_tui.sandbox.closed import Closed
from refine_tui.sandbox.confined import Confined
from refine_tui.sandbox.masks import MaskFinder
from refine_tui.sandbox.opening import Ladder


def write(project: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)


def test_credentials_are_masked_and_examples_are_not(tmp_path: Path) -> None:
    secret = [".env", "a/.env.local", "a/b/prod.env", ".npmrc", "id_ed25519", "x/secrets.yaml", "infra/main.tfstate", "key.p12"]
    open_ = [".env.example", "a/.env.sample", "environment.py", "secrets.py", "id_ed25519.pub", "a/mod.py"]
    write(tmp_path, dict.fromkeys([*secret, *open_], "x"))

    assert sorted(MaskFinder(tmp_path).masks().files) == sorted(secret)


def test_a_private_key_is_masked_by_its_content_and_a_fixture_is_not(tmp_path: Path) -> None:
    key, certificate = "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----"
    write(tmp_path, {"deploy.pem": key, "ca.pem": certificate, "server.key": key, "tests/server.key": key, "src/tests/data/x.pem": key})

    assert MaskFinder(tmp_path).masks().files == ("deploy.pem", "server.key")


def test_folders_of_credentials_are_hidden_and_git_is_frozen(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".aws/credentials": "x",
            "deploy/.ssh/id": "x",
            ".git/config": '[core]\n\tbare = false\n\tsshCommand = x\n[remote "o"]\n\turl = https://u:p@h/\n',
        },
    )

    found = MaskFinder(tmp_path).masks()

    assert found.folders == (".aws", "deploy/.ssh")
    assert found.frozen == (".git",)
    assert found.replaced == {".git/config": b"[core]\n\tbare = false\n"}


def test_a_credential_that_appears_later_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/mod.py": ""})
    finder = MaskFinder(tmp_path)
    assert finder.masks().files == ()

    write(tmp_path, {"a/b/.env": "x"})
    os.utime(tmp_path / "a" / "b", ns=(1, 1))  # two changes within one tick of the clock look like one

    assert finder.masks().files == ("a/b/.env",)


def test_nothing_holds_without_bubblewrap_and_landlock_and_the_refusal_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "find_bubblewrap", lambda: None)
    monkeypatch.setattr(kernel, "landlock_version", lambda: 0)

    sandbox = open_sandbox(state_dir=tmp_path)

    assert sandbox.level is Level.STATIC
    assert not sandbox.can_nest
    with pytest.raises(IsolationError, match=r"(?s)apt install bubblewrap.*Landlock"):
        sandbox.launch(Launch(("python",), tmp_path))


def test_nothing_runs_without_isolation_unless_the_user_consented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_bubblewrap", lambda: None)
    monkeypatch.setattr(kernel, "landlock_version", lambda: 0)

    assert open_sandbox(state_dir=tmp_path).level is Level.STATIC
    assert open_sandbox(unsafe_consent=lambda _: True, state_dir=tmp_path).level is Level.UNSAFE


def test_consent_is_not_used_where_a_level_holds(ladder: Ladder) -> None:
    if not ladder.probe(Level.ISOLATED).holds and not ladder.probe(Level.CONFINED).holds:
        pytest.skip("no level holds here")

    assert ladder.open(unsafe_consent=lambda _: pytest.fail("asked although a level holds")).level is not Level.UNSAFE


def test_the_canary_gets_out_where_there_is_no_fence(tmp_path: Path) -> None:
    reason = canary.fly(Confined(Level.UNSAFE, tmp_path), tmp_path)

    assert "wrote a file outside" in reason
    assert "read a file in the home folder" in reason
    assert "over the network" in reason
    assert "ended a process outside" in reason


def test_the_canary_leaves_nothing_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # in the real one another program may fly its own just now

    Ladder(tmp_path / "state").probe(Level.ISOLATED)

    assert list(tmp_path.glob(".refine-tui-canary-*")) == []


def test_the_unsafe_level_still_works_on_a_copy(tmp_path: Path, project: Path) -> None:
    sandbox = Confined(Level.UNSAFE, tmp_path / "state")

    with sandbox.launch(Launch(("sh", "-c", "cat pkg/mod.py; echo x > pkg/mod.py"), project)) as running:
        assert running.stdout.read() == b"VALUE = 1\n"
    assert (project / "pkg" / "mod.py").read_text() == "VALUE = 1\n"


def test_a_copy_is_removed_with_its_run(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.sandbox.workcopy._MEMORY", Path("/nowhere"))
    sandbox = Confined(Level.UNSAFE, tmp_path / "state")

    with sandbox.launch(Launch(("sh", "-c", "mkdir closed; touch closed/x; chmod 0 closed"), project)) as running:
        running.wait(30)

    assert list((tmp_path / "state" / "copies").iterdir()) == []


def test_the_reason_of_each_level_is_in_the_refusal() -> None:
    closed = Closed(
        [Probe(Level.ISOLATED, False, "no bubblewrap"), Probe(Level.CONFINED, False, "no Landlock"), Probe(Level.STATIC, True, "")]
    )

    with pytest.raises(IsolationError, match="isolated: no bubblewrap; confined: no Landlock"):
        closed.launch(Launch(("python",), Path("/")))


def test_the_apparmor_case_comes_with_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = tmp_path / "switch"
    switch.write_text("1\n")
    monkeypatch.setattr(advice, "_APPARMOR", switch)

    text = advice.advise("bwrap: setting up uid map: Permission denied")

    assert "profile bwrap /usr/bin/bwrap flags=(unconfined)" in text
    assert "apparmor_parser" in text


def test_a_reason_that_namespaces_do_not_explain_gets_no_advice() -> None:
    assert advice.advise("the canary wrote a file outside the copy") == "the canary wrote a file outside the copy"


def test_the_macos_profile_denies_first_and_allows_the_copy_only() -> None:
    text = seatbelt.profile(readable=[Path('/opt/py "3"')], writable=[Path("/tmp/copy")])
    lines = text.splitlines()

    assert lines[:3] == ["(version 1)", "(deny default)", "(deny network*)"]
    assert '(allow file-read* (subpath "/opt/py \\"3\\""))' in lines
    assert [line for line in lines if line.startswith("(allow file-write*")] == ['(allow file-write* (subpath "/tmp/copy"))']
    assert "network" not in "".join(lines[3:])
    assert text.count("(") == text.count(")")


def test_without_control_groups_nothing_is_grouped_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_OWN", Path("/nowhere"))

    cgroups.sweep()

    assert cgroups.ControlGroup(Limits(), processes=1).joined(["true"]) == ["true"]
    assert not cgroups.bound_memory()


def test_copies_of_programs_that_are_gone_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workcopy, "_MEMORY", Path("/nowhere"))
    copies = tmp_path / "copies"
    for owner in (os.getpid(), 999999999, "somebody"):
        (copies / f"refine-tui-copy-{owner}-x").mkdir(parents=True)

    workcopy.sweep(tmp_path)

    assert sorted(folder.name for folder in copies.iterdir()) == [f"refine-tui-copy-{os.getpid()}-x", "refine-tui-copy-somebody-x"]


def test_a_control_group_is_removed_and_a_forgotten_one_swept() -> None:
    group = cgroups.ControlGroup(Limits(), processes=10)
    if group.joined(["true"]) == ["true"]:
        pytest.skip("this user may not make control groups")
    folders = list(group._folders)
    assert all(folder.is_dir() for folder in folders)
    group.remove()
    assert not any(folder.exists() for folder in folders)

    forgotten = folders[0].with_name("refine-tui-999999999-0")
    forgotten.mkdir()
    cgroups.sweep()
    assert not forgotten.exists()
