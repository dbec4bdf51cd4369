"""Property protections by roles and by rules."""

import pytest

from pileus.core.policy import Policy
from pileus.image.policy import DEFAULTS
from pileus.image.service.protections import Protections, ProtectionsInvalid
from tests.image.service import RAW, ROOT, glance

BY_ROLES = """
[^x_secret$]
create = admin
read = admin
update = admin
delete = admin
[^x_fixed]
create = admin,Member
read = @
update = admin
delete = !
[.*]
create = @
read = @
update = @
delete = @
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "protections.conf"
        path.write_text(text)
        return str(path)

    return write


async def test_by_roles(file):
    async with glance(property_protection_file=file(BY_ROLES)) as g:
        admin = g.admin()
        assert (await g.member().post(ROOT, RAW | {"x_secret": "1"})).status == 403
        image = await g.make(x_fixed="1", free="1")
        id = image["id"]
        got = await g.patch(id, {"op": "add", "path": "/x_secret", "value": "s"}, caller=admin)
        assert got.status == 200 and got.json["x_secret"] == "s"
        assert "x_secret" not in await g.show(id) and (await g.show(id, admin))["x_secret"] == "s"
        assert "x_secret" not in (await g.member().get(ROOT)).json["images"][0]
        assert await g.names("x_secret=s") == [] and await g.names("x_secret=s", admin) == ["i"] and await g.names("x_fixed=1") == ["i"]
        before = await g.show(id, admin)
        for change in ({"op": "replace", "path": "/x_secret", "value": "t"}, {"op": "remove", "path": "/x_secret"},
                       {"op": "add", "path": "/x_secret", "value": "t"}, {"op": "replace", "path": "/x_fixed", "value": "2"},
                       {"op": "remove", "path": "/x_fixed"}):
            got = await g.patch(id, {"op": "replace", "path": "/free", "value": "2"}, change)
            assert got.status == 403 and "protected" in got.json["message"], change
        assert (await g.patch(id, {"op": "remove", "path": "/x_fixed"}, caller=admin)).status == 403
        assert await g.show(id, admin) == before
        got = await g.patch(id, {"op": "replace", "path": "/free", "value": "2"})
        assert got.status == 200 and "x_secret" not in got.json and (await g.show(id, admin))["x_secret"] == "s"
        assert (await g.patch(id, {"op": "replace", "path": "/x_fixed", "value": "2"}, caller=admin)).status == 200


async def test_by_rules(file):
    text = "[^x_]\ncreate = context_is_admin\nread = get_image\nupdate = context_is_admin\ndelete = !\n"
    async with glance(property_protection_file=file(text), property_protection_rules="policies") as g:
        assert (await g.member().post(ROOT, RAW | {"x_a": "1"})).status == 403
        assert (await g.member().post(ROOT, RAW | {"unnamed": "1"})).status == 403
        made = await g.admin().post(ROOT, RAW | {"x_a": "1"})
        assert made.status == 201 and (await g.show(made.json["id"]))["x_a"] == "1"


REST = "\nread=@\nupdate=@\ndelete=@"


@pytest.mark.parametrize("text, style", [
    ("[(]\ncreate=@" + REST, "roles"), ("[a]\ncreate=@", "roles"), ("[a]\ncreate=@,x" + REST, "roles"), ("create=@", "roles"),
    ("[a]\ncreate=" + REST, "roles"), ("[a]\ncreate=absent" + REST, "policies"), ("[a]\ncreate=get_image,get_images" + REST, "policies"),
])
def test_files_that_are_refused(file, tmp_path, text, style):
    from pathlib import Path

    with pytest.raises(ProtectionsInvalid):
        Protections(Policy(DEFAULTS), Path(file(text)), style)
    with pytest.raises(ProtectionsInvalid):
        Protections(Policy(DEFAULTS), tmp_path / "absent", style)
