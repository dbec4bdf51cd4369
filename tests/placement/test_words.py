"""What is wrong with a body, in the words of JSON Schema; and what placement refuses that other services let pass."""

# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from pileus.placement.api import API
from pileus.placement.api.words import in_schemas_words
from pileus.placement.config import PlacementConfig
from pileus.placement.policy import DEFAULTS
from pileus.placement.service import Placement
from tests.harness import Harness, make_kit


@pytest.mark.parametrize(("problem", "body", "sentence"), [
    ("Expected `int` >= 1 - at `$.total`", {"total": 0}, "0 is less than the minimum of 1\n\nFailed validating 'minimum' in schema"
     "['properties']['total']"),
    ("Expected `int` <= 9 - at `$.inventories[...].total`", {"inventories": {"A": {"total": 3}, "B": {"total": 10}}},
     "10 is greater than the maximum of 9\n\nFailed validating 'maximum'"),
    ("Expected `str` of length <= 2 - at `$.name`", {"name": "abc"}, "'abc' is too long\n\nFailed validating 'maxLength'"),
    ("Expected `array` of length >= 1 - at `$[0]`", [[]], "[] is too short\n\nFailed validating 'minItems'"),
    ("Expected `str` matching regex '^[A-Z]+$' - at `key` in `$.resources`", {"resources": {"A": 1, "b": 2}},
     "'b' does not match any of the regexes: '^[A-Z]+$'"),
    ("Expected `int`, got `str` - at `$.generation`", {"generation": "x"}, "'x' is not of type 'integer'"),
    ("Object missing required field `name` - at `$.a[...]`", {"a": [{"name": 1}, {}]}, "'name' is a required property"),
    ("Object contains unknown field `foo`", {"foo": 1}, "Additional properties are not allowed ('foo' was unexpected)"),
])
def test_words(problem, body, sentence):
    assert in_schemas_words(problem, json.dumps(body).encode()).startswith(f"JSON does not validate: {sentence}")


def test_what_is_no_json_is_said_first():
    assert in_schemas_words("Object contains unknown field `foo`", b'{"foo": }').startswith("Malformed JSON:")


async def test_media_types_methods_and_versions_are_held_to_their_word():
    kit = await make_kit(DEFAULTS)
    api = Harness([API], kit, type("Services", (), {"placement": Placement(kit, PlacementConfig()), "kit": kit}))
    admin = api.as_("admin")
    assert (await admin.get("/placement/resource_providers", headers={"accept": "text/plain"})).status == 406
    refused = await admin.request("POST", "/placement/resource_providers", body=b"{}", headers={"content-type": "text/plain"})
    assert refused.status == 415
    wrong = await admin.request("DELETE", "/placement/resource_providers")
    assert wrong.status == 405 and wrong.headers["allow"] == "GET, POST"
    assert (await admin.request("OPTIONS", "/placement/resource_providers")).status == 405
    assert (await admin.get("/placement/", headers={"openstack-api-version": "placement 0.5"})).status == 406
    assert (await admin.get("/placement/reshaper")).status == 405
    old = await admin.request("POST", "/placement/reshaper", body=b"{}", headers={"openstack-api-version": "placement 1.29"})
    assert old.status == 404
    page = await admin.get("/placement/nowhere", headers={"accept": "text/html"})
    assert page.status == 404 and page.headers["content-type"].startswith("text/html")
