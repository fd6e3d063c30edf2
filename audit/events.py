"""Every event that the record knows, in one list."""

from enum import StrEnum


class Event(StrEnum):
    """`noun.verb`, in our own words. A value, once shipped, is never renamed: people filter and alert on it."""

    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_CHANGE = "organization.change"
    ORGANIZATION_SUSPEND = "organization.suspend"
    ORGANIZATION_RESUME = "organization.resume"
    ORGANIZATION_WITHOUT_ADMINISTRATOR = "organization.without_administrator"
    ORGANIZATION_WITHOUT_BREAK_GLASS = "organization.without_break_glass"
    ORGANIZATION_SIGN_ON = "organization.sign_on"
    ORGANIZATION_SCHEDULE_DELETION = "organization.schedule_deletion"
    ORGANIZATION_CANCEL_DELETION = "organization.cancel_deletion"
    ORGANIZATION_LAPSE_DELETION = "organization.lapse_deletion"
    ORGANIZATION_BEGIN_DELETION = "organization.begin_deletion"
    ORGANIZATION_DELETE_ROWS = "organization.delete_rows"
    ORGANIZATION_DELETE = "organization.delete"

    BUNDLE_ASK = "bundle.ask"
    BUNDLE_FINISH = "bundle.finish"
    BUNDLE_FAIL = "bundle.fail"
    BUNDLE_WRITE = "bundle.write"
    BUNDLE_DOWNLOAD = "bundle.download"
    BUNDLE_DISCARD = "bundle.discard"
    BUNDLE_EXPIRE = "bundle.expire"

    DOMAIN_CLAIM = "domain.claim"
    DOMAIN_CONFIRM = "domain.confirm"
    DOMAIN_CHANGE = "domain.change"
    DOMAIN_PROOF_MISSING = "domain.proof_missing"
    DOMAIN_PROOF_BACK = "domain.proof_back"
    DOMAIN_UNPROVE = "domain.unprove"
    DOMAIN_RELEASE = "domain.release"

    KIND_DEFINE = "kind.define"
    RESOURCE_REGISTER = "resource.register"
    RESOURCE_CHANGE = "resource.change"
    RESOURCE_RETIRE = "resource.retire"

    MEMBER_CREATE = "member.create"
    MEMBER_CHANGE = "member.change"
    MEMBER_LINK = "member.link"
    MEMBER_UNLINK = "member.unlink"
    MEMBER_SUSPEND = "member.suspend"
    MEMBER_REACTIVATE = "member.reactivate"
    MEMBER_OFFBOARD = "member.offboard"
    MEMBER_REINSTATE = "member.reinstate"
    MEMBER_SCHEDULE_END = "member.schedule_end"
    MEMBER_PASSWORD = "member.password"  # noqa: S105 - the name of an event
    MEMBER_ERASE = "member.erase"

    SECOND_FACTOR_ENROL = "second_factor.enrol"
    SECOND_FACTOR_CODES = "second_factor.codes"
    SECOND_FACTOR_RECOVERY = "second_factor.recovery"
    SECOND_FACTOR_REMOVE = "second_factor.remove"

    INVITATION_CREATE = "invitation.create"
    INVITATION_ACCEPT = "invitation.accept"
    INVITATION_RESEND = "invitation.resend"
    INVITATION_WITHDRAW = "invitation.withdraw"
    INVITATION_EXPIRE = "invitation.expire"

    MAIL_FAIL = "mail.fail"
    MAIL_SEND_AGAIN = "mail.send_again"

    GROUP_CREATE = "group.create"
    GROUP_CHANGE = "group.change"
    GROUP_DELETE = "group.delete"
    GROUP_MEMBER_ADD = "group.member_add"
    GROUP_MEMBER_REMOVE = "group.member_remove"
    GROUP_MEMBER_PENDING = "group.member_pending"
    GROUP_NEST = "group.nest"
    GROUP_UNNEST = "group.unnest"

    GRANT_GIVE = "grant.give"
    GRANT_END = "grant.end"
    GRANT_CONFIRM = "grant.confirm"
    GRANT_REFUSE = "grant.refuse"
    ROLE_DEFINE = "role.define"
    ROLE_ASSIGN = "role.assign"
    ROLE_REVOKE = "role.revoke"
    ROLE_CONFIRM = "role.confirm"
    ROLE_REFUSE = "role.refuse"
    MAPPING_GIVE = "mapping.give"
    MAPPING_END = "mapping.end"
    ACCESS_FIRST = "access.first"

    SCHEMA_DEFINE = "schema.define"
    SCHEMA_CHANGE = "schema.change"
    SCHEMA_DELETE = "schema.delete"

    REVIEW_OPEN = "review.open"
    REVIEW_DECIDE = "review.decide"
    REVIEW_PASS_ON = "review.pass_on"  # noqa: S105 - the name of an event
    REVIEW_REMIND = "review.remind"
    REVIEW_CLOSE = "review.close"

    DIRECTORY_CREATE = "directory.create"
    DIRECTORY_CHANGE = "directory.change"
    TOKEN_ISSUE = "token.issue"  # noqa: S105 - the name of an event
    TOKEN_ROTATE = "token.rotate"  # noqa: S105 - the name of an event
    TOKEN_HAND_OVER = "token.hand_over"  # noqa: S105 - the name of an event
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - the name of an event
    TOKEN_EXPIRING = "token.expiring"  # noqa: S105 - the name of an event
    TOKEN_EXPIRE = "token.expire"  # noqa: S105 - the name of an event
    KEY_CREATE = "key.create"

    CONNECTION_CREATE = "connection.create"
    CONNECTION_CHANGE = "connection.change"
    CONNECTION_ACTIVATE = "connection.activate"
    CONNECTION_DEACTIVATE = "connection.deactivate"
    CONNECTION_METADATA = "connection.metadata"
    CONNECTION_KEY = "connection.key"
    CONNECTION_KEY_USED = "connection.key_used"
    CONNECTION_CERTIFICATE_EXPIRING = "connection.certificate_expiring"

    SIGN_IN_START = "sign_in.start"
    SIGN_IN_SUCCEED = "sign_in.succeed"
    SIGN_IN_REFUSE = "sign_in.refuse"
    SIGN_IN_BREAK_GLASS = "sign_in.break_glass"
    SIGN_IN_INCOMPLETE = "sign_in.incomplete"
    SIGN_IN_TEST = "sign_in.test"
    SIGN_IN_LINK = "sign_in.link"
    SIGN_IN_DOWNLOAD = "sign_in.download"
    SIGN_OUT = "sign_out"
    SIGN_OUT_REFUSE = "sign_out.refuse"
    SESSION_START = "session.start"
    SESSION_END = "session.end"
    SESSION_EXTEND = "session.extend"

    SCIM_REFUSE = "scim.refuse"
    SCIM_REPLAY = "scim.replay"
    API_REFUSE = "api.refuse"
    RECORD_DOWNLOAD = "record.download"
    SYNC_RUN = "sync.run"
    SYNC_HOLD = "sync.hold"
    SYNC_APPROVE = "sync.approve"
    SYNC_ASK = "sync.ask"
    SYNC_CANCEL = "sync.cancel"
    SYNC_EXPIRE = "sync.expire"
    SYNC_PAUSE = "sync.pause"
    SYNC_RESUME = "sync.resume"
    SYNC_FAIL = "sync.fail"
    SYNC_POSTPONE = "sync.postpone"
    SYNC_ROLL_BACK = "sync.roll_back"
