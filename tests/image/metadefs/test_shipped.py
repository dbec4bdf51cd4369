"""The definitions that come with Pileus, and those of operators."""

import io
import json
import urllib.error
from types import SimpleNamespace

import pytest

from pileus.cli import metadefs as command
from pileus.image.metadefs.shipped import DefinitionsUnreadable, read, shipped
from tests.image.service import glance

NS = "/image/v2/metadefs/namespaces"


async def test_a_new_cloud_knows_them_and_a_deleted_one_stays_away():
    async with glance() as g:
        assert await g.images.metadefs.begin_with(shipped) == len(shipped()) > 20
        assert await g.images.metadefs.begin_with(shipped) == 0
        found = (await g.reader().get(NS + "/OS::Compute::LibvirtImage?resource_type=OS::Glance::Image")).json
        assert "virtio" in found["properties"]["hw_disk_bus"]["enum"] and found["protected"]
        assert (await g.admin().put(NS + "/OS::Software::DBMS", {"namespace": "OS::Software::DBMS"})).status == 200
        assert (await g.admin().delete(NS + "/OS::Software::DBMS")).status == 204
        assert await g.images.metadefs.begin_with(shipped) == 0
        assert (await g.admin().get(NS + "/OS::Software::DBMS")).status == 404


def test_names_are_unique_and_everything_is_described():
    names = [one.namespace for one in shipped()]
    assert len(set(names)) == len(names)
    for one in shipped():
        assert one.description and one.resource_type_associations and (one.properties or one.objects)
        for definitions in (one.properties, *(o.properties for o in one.objects)):
            assert all(found.title and found.description for found in definitions.values())


def test_files_of_operators(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"namespace": "mine"}')
    bad.write_text('{"namespace": "mine", "colour": 1}')
    assert [one.namespace for one in read([good])] == ["mine"]
    for path in (bad, tmp_path / "absent.json"):
        with pytest.raises(DefinitionsUnreadable, match=path.name):
            read([path])


def test_the_command_loads_what_is_missing(tmp_path, monkeypatch, capsys):
    sent, there = [], {"old"}

    def send(method, path, body=None):
        sent.append((method, path.removeprefix(NS)))
        if method == "POST" and body["namespace"] in there:
            raise urllib.error.HTTPError(path, 409, "Conflict", None, io.BytesIO())
        if method == "DELETE":
            there.clear()

    monkeypatch.setattr(command, "Client", lambda state, cloud: SimpleNamespace(send=send))
    file = tmp_path / "n.json"
    file.write_text(json.dumps([{"namespace": "old"}, {"namespace": "new"}]))
    assert command.load_metadefs(file, state=tmp_path) == 0
    assert "loaded 1 of 2" in capsys.readouterr().out and sent == [("POST", ""), ("POST", "")]
    assert command.load_metadefs(file, replace=True, state=tmp_path) == 0
    assert "loaded 2 of 2" in capsys.readouterr().out and ("DELETE", "/old") in sent
