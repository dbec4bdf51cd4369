"""What can go wrong in compute, in Nova's words."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.errors import Conflict, Invalid, NotFound, OverQuota


class ComputeOverQuota(OverQuota):
    """Nova says 403 where others say 413."""

    status, code = 403, "compute.over_quota"
    message = "Quota exceeded for {resource}: Requested {requested}, but already used {used} of {limit} {resource}"


class ServerNotFound(NotFound):
    code, message = "server.not_found", "Instance {id} could not be found."


class ServerInWrongState(Conflict):
    code = "server.wrong_state"
    message = "Cannot '{action}' instance {id} while it is in {attribute} {state}"


class ServerNotReady(Conflict):
    """On no host, whatever its state says."""

    code, message = "server.not_ready", "Instance {id} is not ready"


class ServerLocked(Conflict):
    code, message = "server.locked", "Instance {id} is locked"


class ZoneNotPinnable(Conflict):
    code = "server.zone_not_pinnable"
    message = "Server can only be pinned to its current availability zone '{current}', but '{wanted}' was requested."


class StorageNotShared(Conflict):
    code, message = "server.storage_not_shared", "Invalid state of instance files on shared storage"


class VolumeNotFound(NotFound):
    code, message = "compute.volume_not_found", "Volume {id} could not be found."


class SnapshotNotFound(NotFound):
    code, message = "compute.snapshot_not_found", "Snapshot {id} could not be found."


class VolumeNotAttached(NotFound):
    code, message = "server.volume_not_attached", "Instance {server} is not attached to volume {volume}"


class ShareNotFound(NotFound):
    code, message = "compute.share_not_found", "Share {id} could not be found."


class FlavorNotFound(NotFound):
    code, message = "flavor.not_found", "Flavor {id} could not be found."


class FlavorExists(Conflict):
    code, message = "flavor.exists", "Flavor with {what} {value} already exists."


class FlavorAccessExists(Conflict):
    code = "flavor.access_exists"
    message = "Flavor access already exists for flavor {id} and project {project} combination."


class FlavorAccessNotFound(NotFound):
    code, message = "flavor.access_not_found", "Flavor access not found for {id} / {project} combination."


class FlavorIsPublic(Conflict):
    code, message = "flavor.is_public", "Can not add access to a public flavor."


class NoAccessList(NotFound):
    code, message = "flavor.no_access_list", "Access list not available for public flavors."


class ExtraSpecNotFound(NotFound):
    code, message = "flavor.extra_spec_not_found", "Flavor {id} has no extra specs with key {key}."


class ExtraSpecInvalid(Invalid):
    code, message = "flavor.extra_spec_invalid", "Validation failed; {why}"


class KeypairNotFound(NotFound):
    code, message = "keypair.not_found", "Keypair {name} not found for user {user}"


class KeypairExists(Conflict):
    code, message = "keypair.exists", "Key pair '{name}' already exists."


class BlockDevicesInvalid(Invalid):
    code, message = "server.block_devices_invalid", "Block Device Mapping is Invalid: {why}"


class HardwareInvalid(Invalid):
    """An image and a flavor that do not make a machine."""

    code, message = "server.hardware_invalid", "{why}"


class ConsoleTypeUnavailable(Invalid):
    code, message = "console.type_unavailable", "Unavailable console type {type}."


class ConsoleTypeInvalid(Invalid):
    code, message = "console.type_invalid", "Invalid console type {type}"


class ConsoleTokenUnknown(NotFound):
    code, message = "console.token_unknown", "Token not found"


class KeypairInvalid(Invalid):
    code, message = "keypair.invalid", "Keypair data is invalid: {reason}"


class TooManyKeypairs(ComputeOverQuota):
    code, message = "keypair.over_quota", "Quota exceeded, too many key pairs."


class TooManyServerGroups(ComputeOverQuota):
    code, message = "server_group.over_quota", "Quota exceeded, too many server groups."


class TooManyGroupMembers(ComputeOverQuota):
    code, message = "server_group.members_over_quota", "Quota exceeded, too many servers in group"


class QuotaOutOfRange(Invalid):
    code, message = "quota.out_of_range", "Quota limit {limit} for {resource} must be {relation} {bound}."


class ServerGroupNotFound(NotFound):
    code, message = "server_group.not_found", "Instance group {id} could not be found."


class AggregateNotFound(NotFound):
    code, message = "aggregate.not_found", "Aggregate {id} could not be found."


class AggregateExists(Conflict):
    code, message = "aggregate.exists", "Aggregate {name} already exists."


class AggregateRefuses(Invalid):
    """Aggregates that would change the zone of servers, or leave hosts in none."""

    code, message = "aggregate.refuses", "Cannot {action} aggregate {id}. Reason: {reason}."


class AggregateHostRefused(Conflict):
    """As above, where Nova says 409."""

    code, message = "aggregate.host_refused", "Cannot {action} aggregate {id}. Reason: {reason}."


class AggregateHostExists(Conflict):
    code, message = "aggregate.host_exists", "Aggregate {id} already has host {host}."


class AggregateHostNotFound(NotFound):
    code, message = "aggregate.host_not_found", "Aggregate {id} has no host {host}."


class ServiceNotFound(NotFound):
    code, message = "service.not_found", "Service {id} could not be found."


class ServiceNotUpdatable(Invalid):
    code = "service.not_updatable"
    message = "Updating a {binary} service is not supported. Only nova-compute services can be updated."


class HostHasServers(Conflict):
    code = "host.has_servers"
    message = "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."


class HypervisorNotFound(NotFound):
    code, message = "hypervisor.not_found", "Hypervisor with ID '{id}' could not be found."


class NoHypervisorMatches(NotFound):
    code, message = "hypervisor.no_match", "No hypervisor matching '{pattern}' could be found."


class HostNotFound(NotFound):
    code, message = "host.not_found", "Compute host {host} could not be found."


class NoValidHost(Conflict):
    """Only ever the fault of a server: the order itself was accepted."""

    status, code, message = 500, "scheduler.no_valid_host", "No valid host was found. {reason}"


class FloatingIpNotFound(NotFound):
    code, message = "floating_ip.not_found", "Floating IP not found for address {address}."


class FloatingIpPoolNotFound(NotFound):
    code, message = "floating_ip.pool_not_found", "Floating IP pool not found."


class NoMoreFloatingIps(NotFound):
    """Nova says 404."""

    code, message = "floating_ip.no_more", "No more floating IPs in pool {pool}."


class FloatingIpNotAssociated(Conflict):
    code, message = "floating_ip.not_associated", "Floating IP {address} is not associated with instance {id}."


class InvalidInput(Invalid):
    code, message = "compute.invalid_input", "Invalid input received: {reason}"


class NumaInvalid(Invalid):
    """A flavor and an image that cannot be had together, in their wishes for the inside of the host."""

    code, message = "compute.numa_invalid", "{why}"


class PciAliasUnknown(Invalid):
    """A flavor asks for devices that the configuration does not name."""

    code, message = "compute.pci_alias_unknown", "PCI alias {alias} is not defined."


class ProjectUnknown(Invalid):
    code, message = "quota.project_unknown", "Project ID {id} is not a valid project."


class LimitsElsewhere(Invalid):
    code, message = "quota.limits_elsewhere", "Limits are kept by the identity service in this cloud: change them there."


class MigrationNotFound(NotFound):
    code, message = "migration.not_found", "In-progress live migration {id} is not found for server {server}."


class HostStillUp(Invalid):
    code, message = "host.still_up", "Compute service of {host} is still in use."
