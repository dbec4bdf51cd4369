"""What identity says when it refuses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core import errors


class DomainNotFound(errors.NotFound):
    code, message = "identity.domain_not_found", "Could not find domain: {id}."


class ProjectNotFound(errors.NotFound):
    code, message = "identity.project_not_found", "Could not find project: {id}."


class TagNotFound(errors.NotFound):
    code, message = "identity.tag_not_found", "Could not find tag: {tag}."


class UserNotFound(errors.NotFound):
    code, message = "identity.user_not_found", "Could not find user: {id}."


class GroupNotFound(errors.NotFound):
    code, message = "identity.group_not_found", "Could not find group: {id}."


class NotAMember(errors.NotFound):
    code, message = "identity.not_a_member", "User {user} is not found in group {group}."


class RoleNotFound(errors.NotFound):
    code, message = "identity.role_not_found", "Could not find role: {id}."


class ImpliedRoleNotFound(errors.NotFound):
    code, message = "identity.implied_role_not_found", "{prior} does not imply {implied}."


class AssignmentNotFound(errors.NotFound):
    code, message = (
        "identity.assignment_not_found",
        "Could not find role assignment with role: {role}, user or group: {actor}, on: {target}.",
    )


class ServiceNotFound(errors.NotFound):
    code, message = "identity.service_not_found", "Could not find service: {id}."


class EndpointNotFound(errors.NotFound):
    code, message = "identity.endpoint_not_found", "Could not find endpoint: {id}."


class EndpointGroupNotFound(errors.NotFound):
    code, message = "identity.endpoint_group_not_found", "Could not find Endpoint Group: {id}."


class NotAssociated(errors.NotFound):
    code, message = "identity.not_associated", "{what} is not associated with project {project}."


class DomainConfigNotFound(errors.NotFound):
    code, message = "identity.domain_config_not_found", "Could not find {what} in domain configuration for domain {domain}."


class DomainConfigInvalid(errors.Forbidden):
    code, message = "identity.domain_config_invalid", "Invalid domain specific configuration: {why}."


class NoIdentityProvider(errors.NotFound):
    code = "identity.no_identity_provider"
    message = "This cloud is no identity provider to others: saml_idp_entity_id is not configured."


class OAuthTokenNotFound(errors.NotFound):
    code, message = "identity.oauth_token_not_found", "Could not find OAuth token: {id}."


class TreeTooDeep(errors.Conflict):
    code = "identity.tree_too_deep"
    message = (
        "Identity cannot start with the enforcement model {model}: there are projects below projects ({projects}). "
        "Move them, or set limit_enforcement_model to flat."
    )


class RegisteredLimitNotFound(errors.NotFound):
    code, message = "identity.registered_limit_not_found", "Could not find registered limit for {id}."


class LimitNotFound(errors.NotFound):
    code, message = "identity.limit_not_found", "Could not find limit for {id}."


class LimitWithoutRegistered(errors.Forbidden):
    code, message = (
        "identity.limit_without_registered",
        "Unable to create a limit for {resource}: it has no corresponding registered limit.",
    )


class LimitInvalid(errors.Forbidden):
    code, message = "identity.limit_invalid", "Invalid resource limit: {why}."


class RegisteredLimitInUse(errors.Forbidden):
    code, message = (
        "identity.registered_limit_in_use",
        "Unable to update or delete registered limit {id} because there are project limits associated with it.",
    )


class MarkerNotFound(errors.NotFound):
    code, message = "identity.marker_not_found", "Marker {marker} could not be found."


class PolicyAssociationNotFound(errors.NotFound):
    code, message = "identity.policy_association_not_found", "Could not find policy association."


class IdentityProviderNotFound(errors.NotFound):
    code, message = "identity.identity_provider_not_found", "Could not find Identity Provider: {id}."


class ProtocolNotFound(errors.NotFound):
    code, message = "identity.protocol_not_found", "Could not find federated protocol {id} for Identity Provider: {idp}."


class MappingNotFound(errors.NotFound):
    code, message = "identity.mapping_not_found", "Could not find mapping: {id}."


class ServiceProviderNotFound(errors.NotFound):
    code, message = "identity.service_provider_not_found", "Could not find Service Provider: {id}."


class OAuth2InvalidRequest(errors.Invalid):
    code, message, oauth = "identity.oauth2_invalid_request", "The parameter {parameter} is required.", "invalid_request"


class OAuth2UnsupportedGrant(errors.Invalid):
    code, message = "identity.oauth2_unsupported_grant", "The parameter grant_type {grant} is not supported."
    oauth = "unsupported_grant_type"


class OAuth2InvalidClient(errors.Unauthenticated):
    code, message, oauth = "identity.oauth2_invalid_client", "Client authentication failed.", "invalid_client"


class ConsumerNotFound(errors.NotFound):
    code, message = "identity.consumer_not_found", "Could not find Consumer: {id}."


class RegionNotFound(errors.NotFound):
    code, message = "identity.region_not_found", "Could not find region: {id}."


class PolicyNotFound(errors.NotFound):
    code, message = "identity.policy_not_found", "Could not find policy: {id}."


class CredentialNotFound(errors.NotFound):
    code, message = "identity.credential_not_found", "Could not find credential: {id}."


class CredentialUnreadable(errors.CloudError):
    """No key of the repository opens it: the keys were lost, or the row was changed."""

    code, message = "identity.credential_unreadable", "Credential could not be decrypted: {id}. Please contact the administrator."


class TrustNotFound(errors.NotFound):
    code, message = "identity.trust_not_found", "Could not find trust: {id}."


class ApplicationCredentialNotFound(errors.NotFound):
    code, message = "identity.application_credential_not_found", "Could not find Application Credential: {id}."


class AccessRuleNotFound(errors.NotFound):
    code, message = "identity.access_rule_not_found", "Could not find access rule: {id}."


class NotByAccessRules(errors.Unauthenticated):
    """The token is valid, but this request is not among those its application credential is for."""

    code, message = "identity.not_by_access_rules", "The request is not among those that the application credential allows."


class PasswordExpired(errors.Unauthenticated):
    code, message = "identity.password_expired", "The password is expired and needs to be changed for user: {id}."


class MethodNotSupported(errors.Unauthenticated):
    """`methods`: what is supported."""

    code, message = "identity.method_not_supported", "Attempted to authenticate with an unsupported method."


class MoreProofs(errors.Unauthenticated):
    """What was proven is right, but not enough: `receipt` says what it was, `required` what would be enough."""

    code, message = "identity.more_proofs", "Additional authentications steps required."


class TooManyFailures(errors.CloudError):
    status, code, message, temporary = 429, "identity.too_many_failures", "Too many failed logins. Try again later.", True


class TokenNotFound(errors.NotFound):
    code, message = "identity.token_not_found", "Could not recognize token."


class Taken(errors.Conflict):
    code, message = "identity.taken", "Conflict occurred attempting to store {kind} - {why}."


class RegionInUse(errors.Forbidden):
    code, message = (
        "identity.region_in_use",
        "Unable to delete region {id} because it or its child regions have associated endpoints.",
    )


class Immutable(errors.Forbidden):
    code, message = (
        "identity.immutable",
        "Cannot change or delete the immutable {kind} {id}: set its option immutable to false first.",
    )


class Refused(errors.Forbidden):
    """A state of things that forbids it, to anybody."""

    code, message = "identity.refused", "{why}"


class LastAdmin(errors.Forbidden):
    code, message = "identity.last_admin", "This would leave nobody with the role admin."


class HashingBusy(errors.Unavailable):
    code, message = "identity.hashing_busy", "Too many logins are waiting. Try again later."
