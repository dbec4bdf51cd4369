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


class ServerLocked(Conflict):
    code, message = "server.locked", "Instance {id} is locked"


class FlavorNotFound(NotFound):
    code, message = "flavor.not_found", "Flavor {id} could not be found."


class FlavorExists(Conflict):
    code, message = "flavor.exists", "Flavor with {what} {value} already exists."


class KeypairNotFound(NotFound):
    code, message = "keypair.not_found", "Keypair {name} not found for user {user}"


class KeypairExists(Conflict):
    code, message = "keypair.exists", "Key pair '{name}' already exists."


class ServerGroupNotFound(NotFound):
    code, message = "server_group.not_found", "Instance group {id} could not be found."


class AggregateNotFound(NotFound):
    code, message = "aggregate.not_found", "Aggregate {id} could not be found."


class HostNotFound(NotFound):
    code, message = "host.not_found", "Compute host {host} could not be found."


class NoValidHost(Conflict):
    """Only ever the fault of a server: the order itself was accepted."""

    status, code, message = 500, "scheduler.no_valid_host", "No valid host was found. {reason}"


class InvalidInput(Invalid):
    code, message = "compute.invalid_input", "Invalid input received: {reason}"
