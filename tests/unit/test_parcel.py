"""What travels to a machine and back: no secret there, nothing damaged or half here."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import msgspec
import pytest

from orchestrator.commands.engine import machine
from orchestrator.commands.engine.needs import NeededLibrary, Needs
from orchestrator.commands.engine.parcel import Order, PackedFile, Parcel, order_of, packed, receive
from orchestrator.run.request import DSN_VARIABLE, Request, make_request
from orchestrator.scenario.load import resolve, resolve_scenario, scenario_from_resolved
from worker_child.adapters import load_adapter

TINY = Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml"


def request_into(results: Path) -> Request:
    return make_request(
        resolve_scenario(str(TINY), ["workload.rate_per_s=10"]),
        library="control_holding",
        preset="stock",
        ordinal=2,
        dsn=None,
        results=results,
        overwrite=False,
    )


def leave_run(request: Request, folder: Path) -> dict[str, bytes]:
    """The files of a finished run, by name."""
    files = {
        f"{request.run_id}.jsonl": b'{"a":"line"}\n' * 100,
        f"{request.run_id}.summary.json": b"{}",
        f"{request.run_id}.logs/worker-0.stderr": b"a word",
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return files


def test_an_order_holds_all_that_a_run_needs_and_no_connection_string(tmp_path: Path) -> None:
    secret = dataclasses.replace(request_into(tmp_path), dsn="postgresql://u:hunter2@h/d")
    data = order_of(secret, "c0de")
    order = msgspec.msgpack.decode(data, type=Order)

    assert b"hunter2" not in data
    assert order.scenario_text == TINY.read_text()
    assert sorted(order.words) == [
        "--library=control_holding",
        "--ordinal=2",
        "--preset=stock",
        "--scenario=tiny_matrix.toml",
        "--set=workload.rate_per_s=10",
    ]


def test_the_files_of_a_run_arrive_as_they_were_and_the_summary_is_the_youngest(
    tmp_path: Path,
) -> None:
    request = request_into(tmp_path / "here")
    there = tmp_path / "there"
    there.mkdir()
    files = leave_run(request, there)
    parcel = Parcel(0, "", 3.0, packed(there, request.run_id))
    ended = receive(request, msgspec.msgpack.encode(parcel))

    assert (ended.complaint, ended.took_s) == (None, 3.0)
    here = request.results
    assert {str(p.relative_to(here)): p.read_bytes() for p in here.rglob("*") if p.is_file()} == (
        files
    )
    history, summary = (here / f"{request.run_id}{end}" for end in (".jsonl", ".summary.json"))
    assert summary.stat().st_mtime_ns >= history.stat().st_mtime_ns


@pytest.mark.parametrize("damage", ["checksum", "not zlib", "no history", "climbs out"])
def test_what_was_damaged_on_its_way_leaves_nothing_that_looks_finished(
    damage: str, tmp_path: Path
) -> None:
    request = request_into(tmp_path / "here")
    there = tmp_path / "there"
    there.mkdir()
    leave_run(request, there)
    files = packed(there, request.run_id)
    replace = msgspec.structs.replace
    changed: list[PackedFile] = {
        "checksum": [replace(files[0], sha256="0" * 64), *files[1:]],
        "not zlib": [replace(files[0], zlib=b"no"), *files[1:]],
        "no history": files[1:],
        "climbs out": [*files, replace(files[2], name=f"{request.run_id}.logs/../../x")],
    }[damage]
    ended = receive(request, msgspec.msgpack.encode(Parcel(0, "", 3.0, changed)))

    assert ended.complaint is not None
    assert list(request.results.glob("*.jsonl")) == []
    assert not (tmp_path / "x").exists()


def test_a_machine_with_other_code_says_so_and_carries_nothing_out(tmp_path: Path) -> None:
    order = order_of(request_into(tmp_path), "0" * 16)
    answer = machine.carry_out(order, tmp_path / "scratch", os.environ, lambda: False)

    assert "other code" in msgspec.msgpack.decode(answer, type=Parcel).unfit
    assert not (tmp_path / "scratch").exists()


def test_an_order_for_a_scenario_of_no_file_holds_all_of_it(tmp_path: Path) -> None:
    named = request_into(tmp_path)
    of_no_file = make_request(
        named.scenario,
        library="control_holding",
        preset="stock",
        ordinal=2,
        dsn="postgresql://u:hunter2@h/d",
        results=tmp_path,
        overwrite=True,
    )
    data = order_of(of_no_file, "c0de", "15.9")
    order = msgspec.msgpack.decode(data, type=Order)

    assert b"hunter2" not in data and order.words == [] and order.needs.server_version == "15.9"
    assert order.whole is not None
    again = resolve(scenario_from_resolved(order.whole.scenario))
    assert again.digest == named.resolved.digest


def test_a_machine_with_another_postgresql_takes_no_part_where_runs_belong_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(DSN_VARIABLE, raising=False)
    code, mine = machine.our_code(), machine.server_version()

    assert machine.flaws(code, Needs([], own_server=True, server_version=mine)) == []
    (said,) = machine.flaws(code, Needs([], own_server=False, server_version="9.6"))
    assert f"it has PostgreSQL {mine} and not 9.6" in said


def test_a_machine_whose_server_is_given_takes_no_part_in_what_harms_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DSN_VARIABLE, "postgresql://u:hunter2@h/d")

    (said,) = machine.flaws(machine.our_code(), Needs([], own_server=True))
    assert DSN_VARIABLE in said and "hunter2" not in said
    assert machine.flaws(machine.our_code(), Needs([], own_server=False)) == []


def test_a_machine_whose_server_does_not_answer_says_so_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DSN_VARIABLE, "host=/nowhere user=u password=hunter2")

    needs = Needs([], own_server=False, server_version="15.9")
    (said,) = machine.flaws(machine.our_code(), needs)
    assert "no PostgreSQL can be used at" in said and "hunter2" not in said


def test_a_run_that_never_began_is_no_run_with_a_verdict(tmp_path: Path) -> None:
    """Exit code 3 is that of an invalid run, and of one that left no history."""
    parcel = Parcel(3, "worker 0:0 was not ready within 20 s", 1.0, no_verdict=True)
    ended = receive(request_into(tmp_path), msgspec.msgpack.encode(parcel))

    assert ended.exit_code == 3
    assert ended.complaint == "worker 0:0 was not ready within 20 s"


def test_a_machine_without_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ROOM_BYTES", 1 << 62)
    order = order_of(request_into(tmp_path), machine.our_code())
    answer = machine.carry_out(order, tmp_path / "scratch", os.environ, lambda: False)

    assert "that a run needs are free" in msgspec.msgpack.decode(answer, type=Parcel).unfit


def test_a_library_that_is_another_there_or_missing_makes_a_machine_unfit() -> None:
    code = machine.our_code()

    def flaws(*libraries: NeededLibrary) -> list[str]:
        return machine.flaws(code, Needs(list(libraries), own_server=False))

    here = NeededLibrary("control_holding", load_adapter("control_holding").version(), None)
    change = msgspec.structs.replace
    assert flaws(here) == []
    assert "another adapter" in flaws(change(here, adapter_sha256="f" * 16))[0]
    assert "and not 0.0.1: install the same one" in flaws(change(here, version="0.0.1"))[0]
    assert len(flaws(change(here, given="./nowhere"), change(here, given="nothing"))) == 2
