"""The tables of the domain, one noun a file."""

from identity.models.access import FirstAccess, Grant, Role, RoleAssignment
from identity.models.bundle import Bundle, BundleChunk
from identity.models.credential import DataKey, Session, Token
from identity.models.deletion import Deletion
from identity.models.directory import Directory, DirectorySize, Link, Stretch, StretchStep
from identity.models.erasure import Erasure
from identity.models.group import Group, Membership, Nesting, PendingMembership
from identity.models.job import JobRun
from identity.models.kept_answer import KeptAnswer
from identity.models.mail import OutgoingMail
from identity.models.mapping import GroupGrant, GroupRole
from identity.models.member import ActivePeriod, Invitation, Member, MemberKey
from identity.models.organization import Domain, Organization
from identity.models.receipt import Receipt
from identity.models.resource import Kind, Resource
from identity.models.review import Review, ReviewItem
from identity.models.second_factor import RecoveryCode, SecondFactor
from identity.models.sync import Pull, Run, Step

__all__ = [
    "ActivePeriod", "Bundle", "BundleChunk", "DataKey", "Deletion", "Directory", "DirectorySize", "Domain", "Erasure", "FirstAccess",
    "Grant", "Group", "GroupGrant", "GroupRole", "Invitation", "JobRun", "KeptAnswer", "Kind", "Link", "Member", "MemberKey",
    "Membership", "Nesting", "Organization", "OutgoingMail", "PendingMembership", "Pull", "Receipt", "RecoveryCode", "Resource", "Review",
    "ReviewItem", "Role", "RoleAssignment", "Run", "SecondFactor", "Session", "Step", "Stretch", "StretchStep", "Token",
]  # fmt: skip
