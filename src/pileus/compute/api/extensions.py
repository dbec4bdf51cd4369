"""Extensions: a list from before microversions. Everything named here has long been a part of the API."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.query import refusing
from pileus.core.errors import NotFound
from pileus.core.http import Request, Route

#: alias → (name, what it is)
EXTENSIONS = {
    "OS-DCF": ("DiskConfig", "Disk configuration of servers."),
    "OS-EXT-AZ": ("ExtendedAvailabilityZone", "Availability zones of servers."),
    "OS-EXT-IPS": ("ExtendedIps", "Types of servers' addresses."),
    "OS-EXT-IPS-MAC": ("ExtendedIpsMac", "MAC addresses of servers."),
    "OS-EXT-SRV-ATTR": ("ExtendedServerAttributes", "Attributes of servers for administrators."),
    "OS-EXT-STS": ("ExtendedStatus", "Task, VM and power states of servers."),
    "OS-FLV-DISABLED": ("FlavorDisabled", "Whether a flavor is disabled."),
    "OS-FLV-EXT-DATA": ("FlavorExtraData", "Ephemeral disks of flavors."),
    "OS-SRV-USG": ("ServerUsage", "When servers were launched and terminated."),
    "os-aggregates": ("Aggregates", "Aggregates of hosts."),
    "os-attach-interfaces": ("AttachInterfaces", "Network interfaces of servers."),
    "os-availability-zone": ("AvailabilityZone", "Availability zones."),
    "os-config-drive": ("ConfigDrive", "Configuration drives of servers."),
    "os-consoles": ("Consoles", "Remote consoles of servers."),
    "os-server-diagnostics": ("ServerDiagnostics", "What hypervisors tell of servers."),
    "os-server-external-events": ("ServerExternalEvents", "What other services say happened to servers."),
    "os-server-password": ("ServerPassword", "Passwords that servers chose."),
    "os-instance-usage-audit-log": ("OSInstanceUsageAuditLog", "Audits of usage."),
    "os-assisted-volume-snapshots": ("AssistedVolumeSnapshots", "Snapshots of volumes with compute's help."),
    "os-console-output": ("ConsoleOutput", "What servers write to their serial consoles."),
    "os-extended-status": ("ExtendedStatus", "Task, VM and power states of servers."),
    "image-metadata": ("ImageMetadata", "Metadata of images."),
    "image-size": ("ImageSize", "Sizes of images."),
    "images": ("Images", "Images, of the image service."),
    "os-admin-actions": ("AdminActions", "What administrators do to servers."),
    "os-deferred-delete": ("DeferredDelete", "Deleting servers at once."),
    "os-flavor-access": ("FlavorAccess", "Which projects see a private flavor."),
    "os-flavor-extra-specs": ("FlavorExtraSpecs", "Extra specs of flavors."),
    "os-flavor-manage": ("FlavorManage", "Creating and deleting flavors."),
    "os-flavor-rxtx": ("FlavorRxtx", "The receive and transmit factor of flavors."),
    "os-floating-ip-pools": ("FloatingIpPools", "Pools of floating IPs, of the network service."),
    "os-floating-ips": ("FloatingIps", "Floating IPs, of the network service."),
    "os-hosts": ("Hosts", "Hosts and what is used of them."),
    "os-hypervisors": ("Hypervisors", "Hypervisors of hosts."),
    "os-instance-actions": ("InstanceActions", "What was done to servers."),
    "os-keypairs": ("Keypairs", "Key pairs."),
    "os-lock-server": ("LockServer", "Locking servers."),
    "os-migrations": ("Migrations", "Moves of servers."),
    "os-multinic": ("Multinic", "Fixed addresses of servers."),
    "os-networks": ("Networks", "Networks, of the network service."),
    "os-pause-server": ("PauseServer", "Pausing servers."),
    "os-quota-class-sets": ("QuotaClasses", "Quota classes."),
    "os-quota-sets": ("Quotas", "Quotas of projects."),
    "os-scheduler-hints": ("SchedulerHints", "Hints to the scheduler."),
    "os-security-groups": ("SecurityGroups", "Security groups, of the network service."),
    "os-server-groups": ("ServerGroups", "Server groups."),
    "os-services": ("Services", "Processes of compute."),
    "os-simple-tenant-usage": ("SimpleTenantUsage", "Usage of projects."),
    "os-suspend-server": ("SuspendServer", "Suspending servers."),
    "os-tenant-networks": ("TenantNetworks", "Networks, of the network service."),
    "os-used-limits": ("UsedLimits", "What is used of limits."),
    "os-user-data": ("UserData", "User data of servers."),
}


async def list_extensions(req: Request) -> dict[str, Any]:
    return {"extensions": [_view(alias) for alias in EXTENSIONS]}


async def show_extension(req: Request, alias: str) -> dict[str, Any]:
    if alias not in EXTENSIONS:
        raise NotFound()
    return {"extension": _view(alias)}


ROUTES = refusing([
    Route("GET", "/v2.1/extensions", list_extensions, policy="os_compute_api:extensions"),
    Route("GET", "/v2.1/extensions/{alias}", show_extension, policy="os_compute_api:extensions"),
])


def _view(alias: str) -> dict[str, Any]:
    name, description = EXTENSIONS[alias]
    return {
        "alias": alias,
        "name": name,
        "description": description,
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
        "links": [],
    }
