"""Reads what clients write about a group's members, and folds it into the fewest changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scim import coercion
from scim.errors import Code, ScimError
from scim.filter.ast import And, AttributePath, Comparison, Filter, Or
from scim.operations import UNSENT, Kind, Notices, Operation
from scim.path import Path
from scim.schemas.group import MEMBERS
from scim.schemas.resource_type import Place

MEMBERS_MAX = 200_000
ID_CHARACTERS_MAX = 256

_PLACE = Place(None, MEMBERS, None)


def operation(verb: str, target: Path, written: str, value: Any, notices: Notices) -> Operation:
    """Return the canonical form of add, replace or remove on `members`; `value` may be UNSENT.

    ScimError: filter_unsupported, value_missing, value_wrong, too_many_values; immutable where somebody is to become somebody else.
    """
    part = (target.sub or target.attribute.sub or "").lower()
    if part not in {"", "value"}:
        # What a member is, and where, follows from who it is (RFC 7643 §8.7.1).
        raise ScimError(Code.IMMUTABLE, path=written)
    if target.inner is not None:
        chosen = chosen_ids(target.inner)
        if chosen is None:
            operator = "anything but members[value eq …]"
            raise ScimError(Code.FILTER_UNSUPPORTED, path=written, operator=operator)
        if verb == "remove":
            return Operation("member_remove", _PLACE, chosen, written=written)
        if _named_anew(value, chosen):
            raise ScimError(Code.IMMUTABLE, path=written if part else f"{written}.value")
        return Operation("member_add", _PLACE, chosen, written=written)
    if verb == "remove":
        return _removal(written, value, notices, is_value=bool(part))
    if value is UNSENT:
        raise ScimError(Code.VALUE_MISSING, path=written)
    kind: Kind = "set" if verb == "replace" and not part else "member_add"
    return Operation(kind, _PLACE, read_ids(value, notices), written=written)


def _removal(written: str, value: Any, notices: Notices, *, is_value: bool) -> Operation:
    if value is UNSENT or value is None:
        return Operation("remove", _PLACE, (), written=written)
    ids = read_ids(value, notices)
    if not (is_value and ids):
        # By the letter of RFC 7644 section 3.5.2.2 this empties the group; Entra, JumpCloud and authentik mean these people.
        notices.add("remove_by_value" if ids else "remove_nothing", written)
    return Operation("member_remove", _PLACE, ids, written=written)


def _named_anew(sent: Any, chosen: tuple[str, ...]) -> bool:
    """Tell whether what is sent for the chosen members names another one: who a member is stays (RFC 7643 §8.7.1)."""
    if isinstance(sent, list) and len(sent) == 1:
        sent = sent[0]
    if isinstance(sent, dict):
        sent = sent.get("value")
    return isinstance(sent, str) and sent.strip() not in {"", *chosen}


def read_ids(value: Any, notices: Notices) -> tuple[str, ...]:
    """Return the ids in a list of members, each once, in their order."""
    if value is None:
        return ()
    listed = _listed(value, notices)
    if len(listed) > MEMBERS_MAX:
        raise ScimError(Code.TOO_MANY_VALUES, path="members", limit=MEMBERS_MAX)
    ids: dict[str, None] = {}
    for written in listed:
        each = coercion.object_of(written)
        if each is not written:
            notices.add("coerced", "members", "an object written as text")
        found = each.get("value") if isinstance(each, dict) else each
        if isinstance(each, dict) and found is None and isinstance(each.get("$ref"), str):
            found = each["$ref"].rstrip("/").rpartition("/")[2]
        if found is None or not isinstance(each, dict) or each.get("value") is None:
            notices.add("member_reference", "members")
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str) or not found.strip() or len(found) > ID_CHARACTERS_MAX:
            raise ScimError(Code.VALUE_WRONG, path="members.value", expected="the id of a person or a group")
        ids[found.strip()] = None
    return tuple(ids)


def _listed(value: Any, notices: Notices) -> list[Any]:
    inside = coercion.list_of(value)
    if inside is not value:
        notices.add("coerced", "members", "a list written as text")
    if isinstance(inside, dict) and [name.lower() for name in inside] == ["members"]:
        # Salesforce documents it so, and ConnId's bundle sends it to WSO2 and to whoever is called Salesforce.
        notices.add("coerced", "members", "a list taken out of an object with “members”")
        inside = next(iter(inside.values()))
    return inside if isinstance(inside, list) else [inside]


def chosen_ids(inner: Filter) -> tuple[str, ...] | None:
    """Return the ids that `value eq "a" or value eq "b"` names; None for any other filter.

    Beside an id may stand what it is the id of, as `value eq "a" and type eq "User"`: an id names one thing, so that adds nothing.
    """
    ids = []
    for each in inner.terms if isinstance(inner, Or) else (inner,):
        said = [_equal(term) for term in (each.terms if isinstance(each, And) else (each,))]
        named = [value for name, value in said if name == "value"]
        others = [(name, value.lower()) for name, value in said if name != "value"]
        if len(named) != 1 or any(name != "type" or value not in {"user", "group"} for name, value in others):
            return None
        ids += named
    return tuple(ids)


def _equal(term: Filter) -> tuple[str, str]:
    """Return (part of a member in lower case, text) of a comparison by `eq`; ("", "") for anything else."""
    if not (isinstance(term, Comparison) and term.operator == "eq" and isinstance(term.value, str)):
        return "", ""
    return (
        (term.path.name.lower(), term.value) if term.path == AttributePath(None, term.path.name) else ("", "")
    )


@dataclass(slots=True)
class Changes:
    """What a request does to the membership of one group, all its operations taken together.

    `replaced` says that `added` is to be the whole of it; else `added` come and `removed` go. `emptied`: all were removed without being
    named, which is more often a client's mistake than its wish.
    """

    replaced: bool = False
    emptied: bool = False
    added: dict[str, None] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.replaced or self.added or self.removed)


def folded(operations: Iterable[Operation]) -> Changes:
    """Return the net effect of operations on `members`, in their order: the last word on each person counts."""
    changes = Changes()
    for each in operations:
        ids = dict.fromkeys(each.value)
        if each.kind in {"set", "remove"}:
            changes = Changes(replaced=True, emptied=each.kind == "remove", added=ids)
            continue
        adds = each.kind == "member_add"
        come, go = (changes.added, changes.removed) if adds else (changes.removed, changes.added)
        come.update(ids)
        for one in ids:
            go.pop(one, None)
        changes.emptied = changes.emptied and not (adds and ids)
    return changes
