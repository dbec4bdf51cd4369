"""A real OpenLDAP server for tests: Debian's slapd, on a port and a folder of its own."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.ports import free_port

ROOT_DN, ROOT_PASSWORD, SUFFIX = "cn=root,dc=corp", "root-secret", "dc=corp"
SCHEMA = Path("/etc/ldap/schema")
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"

CONFIG = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
pidfile {home}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
directory {home}/data
suffix "{suffix}"
rootdn "{root}"
rootpw {password}
"""

TREE = """
dn: dc=corp
objectClass: dcObject
objectClass: organization
dc: corp
o: corp

dn: ou=people,dc=corp
objectClass: organizationalUnit
ou: people

dn: ou=teams,dc=corp
objectClass: organizationalUnit
ou: teams
"""


def missing() -> str | None:
    """Why there can be no server here."""
    if not shutil.which("slapd", path=PATH) or not (SCHEMA / "core.schema").exists():
        return "needs OpenLDAP's server: apt-get install slapd"
    return None


class Slapd:
    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="slapd-"))
        (self.home / "data").mkdir()
        config = self.home / "slapd.conf"
        config.write_text(CONFIG.format(schema=SCHEMA, home=self.home, suffix=SUFFIX, root=ROOT_DN, password=ROOT_PASSWORD))
        self.port = free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        command = [shutil.which("slapd", path=PATH), "-f", str(config), "-h", self.url, "-d", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        self.add(TREE)

    def _wait(self):
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("slapd did not start")

    def connection(self):
        from ldap3 import Connection, Server

        return Connection(Server(self.url), ROOT_DN, ROOT_PASSWORD, auto_bind=True)

    def add(self, ldif: str):
        with self.connection() as connection:
            for entry in ldif.strip().split("\n\n"):
                dn, attributes = "", {}
                for line in entry.strip().splitlines():
                    key, _, value = line.partition(": ")
                    if key == "dn":
                        dn = value
                    else:
                        attributes.setdefault(key, []).append(value)
                assert connection.add(dn, attributes=attributes), (dn, connection.result)

    def person(self, uid: str, *, password: str = "pw", **more: str):
        attributes = {"uid": uid, "cn": uid, "sn": uid, "mail": f"{uid}@corp", "userPassword": password, "employeeType": "TRUE"} | more
        lines = "\n".join(f"{key}: {value}" for key, value in attributes.items())
        self.add(f"dn: uid={uid},ou=people,dc=corp\nobjectClass: inetOrgPerson\n{lines}")

    def team(self, name: str, *members: str):
        lines = "\n".join(f"member: uid={uid},ou=people,dc=corp" for uid in members)
        self.add(f"dn: cn={name},ou=teams,dc=corp\nobjectClass: groupOfNames\ncn: {name}\ndescription: the {name}\n{lines}")

    def change(self, dn: str, **attributes: list[str]):
        from ldap3 import MODIFY_REPLACE

        with self.connection() as connection:
            assert connection.modify(dn, {k: [(MODIFY_REPLACE, v)] for k, v in attributes.items()}), connection.result

    def delete(self, dn: str):
        with self.connection() as connection:
            assert connection.delete(dn), connection.result

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)
