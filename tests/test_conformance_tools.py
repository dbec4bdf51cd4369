"""The conformance runner's own bookkeeping: what is run, what is kept, and what a failure is called."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
import yaml
from conformance import disks, failures, gophercloud, results, selection, variants, web, workers
from conformance.suite import Outcome

from pileus.image.formats import Inspector, inspect

ONE, TWO = "tempest.api.identity.test_a.A.test_one", "tempest.api.identity.test_a.A.test_two"
THREE, FOUR = "tempest.api.network.test_n.N.test_three", "tempest.scenario.test_s.S.test_four"
TESTS = {ONE: {"smoke"}, TWO: {"negative"}, THREE: {"smoke"}, FOUR: {"slow"}}


def outcome(test: str, status: str) -> Outcome:
    return Outcome(id=test, status=status)


def test_a_suite_is_an_area_or_the_smoke_tests_of_all_areas():
    assert selection.select(TESTS, "identity") == [ONE, TWO]
    assert selection.select(TESTS, "smoke") == [ONE, THREE]
    assert selection.select(TESTS, "identity,scenario") == [ONE, TWO, FOUR]
    assert selection.select(TESTS, "all", "test_t") == [TWO, THREE]
    with pytest.raises(ValueError, match="no suite named nothing"):
        selection.select(TESTS, "nothing")


def test_an_exclusion_names_a_test_or_its_class_and_gives_a_reason():
    exclusions = selection.excluded("# why\ntempest.api.identity.test_a.A  # needs two clouds\n\n")
    assert exclusions == {"tempest.api.identity.test_a.A": "needs two clouds"}
    assert selection.without(TESTS, exclusions) == [THREE, FOUR]
    assert selection.without(["tempest.api.identity.test_a.AB.test_one"], exclusions) == ["tempest.api.identity.test_a.AB.test_one"]
    with pytest.raises(ValueError, match="gives no reason"):
        selection.excluded("tempest.api.identity.test_a.A\n")


def test_the_exclusions_of_this_checkout_have_reasons():
    assert all(selection.excluded().values())


def test_a_spread_is_the_same_every_time_and_reaches_both_ends():
    tests = [f"module.Class{group:02}.test_{n}" for group in range(30) for n in range(4)]
    some = selection.spread(tests, 20)
    assert some == selection.spread(reversed(tests), 20)
    assert len(some) == 20
    assert some[0].startswith("module.Class00") and some[-1] > "module.Class20"
    assert selection.spread(tests, 1000) == sorted(tests)


def test_the_ratchet_gains_passes_and_counts_a_skip_as_a_loss():
    change = results.compare(["a.B.c", "a.B.d", "a.B.e"], [
        outcome("a.B.c", "passed"), outcome("a.B.d", "skipped"), outcome("a.B.e", "failed"),
        outcome("a.B.new", "passed"), outcome("a.B.never", "failed"), outcome("a.B.tearDownClass", "failed"),
    ])
    assert change.gained == ["a.B.new"]
    assert change.lost == ["a.B.d", "a.B.e", "a.B.tearDownClass"]


def test_what_was_lost_stays_on_the_list_until_it_is_forgotten(tmp_path: Path):
    path = tmp_path / "passing.txt"
    change = results.Change(gained=["z"], lost=["b"])
    results.write_passing(["c", "b"], change, path=path)
    assert results.read_passing(path) == ["b", "c", "z"]
    results.write_passing(["c", "b"], change, forget=True, path=path)
    assert results.read_passing(path) == ["c", "z"]


def test_a_row_of_the_table_is_replaced_and_the_others_stay(tmp_path: Path):
    path = tmp_path / "results.md"
    network = [outcome("tempest.api.network.x.X.y", "failed")]
    results.write_results(results.rows("network", network, [], 3), path)
    results.write_results(results.rows("smoke", [outcome("tempest.api.image.x.X.y", "passed")], ["tempest.scenario.z"], 2), path)
    results.write_results(results.rows("network", [outcome("tempest.api.network.x.X.y", "passed")], [], 4), path)
    table = results.read_results(path)
    assert list(table) == ["smoke", "network"]
    assert (table["network"]["passed"], table["network"]["failed"], table["network"]["seconds"]) == ("1", "0", "4")
    assert (table["smoke"]["tests"], table["smoke"]["passed"], table["smoke"]["excluded"]) == ("2", "1", "1")


def test_failures_that_differ_in_names_only_are_one_group():
    def failed(test: str, server: str) -> Outcome:
        why = (
            'Traceback (most recent call last):\n  File "x.py", line 3, in y\n    z()\nKeyError: 1\n\n'
            "During handling of the above exception, another exception occurred:\n\n"
            'Traceback (most recent call last):\n  File "x.py", line 9, in test\n    raise\n'
            f"tempest.lib.exceptions.NotFound: Object not found\nDetails: Server {server} could not be found.\n"
        )
        log = f"Request (A:test): 404 DELETE http://127.0.0.1:80/x/{server} 0.01s\nRequest (A:test): 200 GET http://127.0.0.1:80/x 0.01s"
        return Outcome(id=test, status="failed", why=why, log=log)

    groups = failures.grouped([
        failed("a", "11111111-2222-3333-4444-555555555555"), failed("b", "11111111-2222-3333-4444-666666666666"),
        Outcome(id="c", status="failed", why="its worker died"),
    ])
    assert groups == [
        ("tempest.lib.exceptions.NotFound: Object not found Details: Server UUID could not be found.  after DELETE /x/UUID", ["a", "b"]),
        ("its worker died", ["c"]),
    ]


def test_the_runner_serves_images_that_are_what_they_are_called():
    with web.serving() as served:
        answers = [urllib.request.urlopen(url).read() for url in (served.raw, served.qcow2)]
    looked = []
    for data in answers:
        inspector = Inspector()
        inspector.feed(data)
        looked.append(inspector.finish())
    assert [found.format for found in looked] == ["raw", "qcow2"] and all(found.safe for found in looked)


def test_a_test_that_wants_another_cloud_gets_it():
    hashed = "tempest.api.image.v2.test_images.LocationImportTest.test_add_location_for_image_with_do_secure_hash_true"
    unhashed = "tempest.api.image.v2.test_images.LocationImportTest.test_add_location_with_do_secure_hash_false"
    found = {variant.name: tests for variant, tests in variants.shared_out([unhashed, hashed, ONE])}
    assert list(found.items()) == [("usual", [hashed, ONE]), ("unhashed", [unhashed])]
    for variant in (variants.USUAL, *variants.VARIANTS):
        assert variant.features.keys() == variants.USUAL.features.keys()
        assert variant.image in variant.settings("[image]\nx = 1\n") and variant.settings("[image]\nx = 1\n").endswith("\nx = 1\n")


def test_a_test_of_many_things_passed_when_it_failed_with_none_and_passed_with_one():
    for one, other, all_of_it in (("passed", "skipped", "passed"), ("skipped", "failed", "failed"), ("failed", "passed", "failed")):
        assert workers.together(outcome(ONE, one), outcome(ONE, other)).status == all_of_it


def test_the_disks_are_what_they_are_called_and_the_bad_ones_are_bad(tmp_path: Path):
    manifest = yaml.safe_load(disks.make(tmp_path / "disks").read_text())["images"]
    assert manifest[0]["name"] == "raw"
    for disk in manifest:
        found = inspect(tmp_path / "disks" / disk["filename"])
        assert disk["usable"] == (found.safe and found.format == disk["format"]), (disk, found)


def test_a_go_test_that_ends_its_process_has_failed():
    events = [
        {"Action": "start"},
        {"Action": "run", "Test": "TestA"},
        {"Action": "output", "Test": "TestA", "Output": "x"},
        {"Action": "pass", "Test": "TestA", "Elapsed": 0.5},
        {"Action": "run", "Test": "TestB/part"},
        {"Action": "run", "Test": "TestB"},
        {"Action": "skip", "Test": "TestC"},
        {"Action": "output", "Test": "TestB", "Output": "panic: y"},
        {"Action": "fail"},
    ]
    found = gophercloud.outcomes_of(json.dumps(event).encode() for event in events)
    assert {o.id: (o.status, o.why) for o in found} == {"TestA": ("passed", "x"), "TestC": ("skipped", ""), "TestB": ("failed", "panic: y")}
