"""Check until when, for whom and in answer to what an assertion is valid (rules 9 and 10)."""

from datetime import datetime, timedelta

from saml.names import METHOD_BEARER, SAML, XML_SPACES
from saml.refusals import Refused
from saml.times import early, instant, over
from saml.xml import Element

_KNOWN = {f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
_DATA = f"{{{SAML}}}SubjectConfirmationData"


def check_conditions(assertion: Element, entity_id: str, now: datetime, skew: timedelta) -> datetime | None:
    """Rule 9 (core 2.5.1): return the end of the Conditions, if they have one.

    Every AudienceRestriction must hold our entity id, since several mean "and".
    """
    found = assertion.findall(f"{{{SAML}}}Conditions")
    if len(found) != 1:
        raise Refused("audience_missing" if not found else "structure", "Conditions")
    conditions = found[0]
    if any(condition.tag not in _KNOWN for condition in conditions):
        raise Refused("condition_unknown")
    begin, end = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    if begin is not None and early(begin, now, skew):
        raise Refused("not_yet_valid", f"NotBefore {begin[:40]}")
    if end is not None and over(end, now, skew):
        raise Refused("expired", f"Conditions NotOnOrAfter {end[:40]}")
    restrictions = conditions.findall(f"{{{SAML}}}AudienceRestriction")
    if not restrictions:
        raise Refused("audience_missing")
    for restriction in restrictions:
        audiences = [_text(audience) for audience in restriction.findall(f"{{{SAML}}}Audience")]
        if entity_id not in audiences:
            raise Refused("audience", ", ".join(audiences)[:300])
    return None if end is None else instant(end)


def check_bearer(
    assertion: Element, acs_url: str, in_response_to: str | None, now: datetime, skew: timedelta
) -> datetime:
    """Rule 10 (profiles 4.1.4.2): one bearer confirmation must hold in full; return when the last of them ends.

    `in_response_to` is the Response's; both say the same or both say nothing, so an attacker who may write
    the unsigned Response cannot give a stolen assertion a request of his own. The end is the last one of all because
    the assertion could be shown again by another confirmation, when the one that holds now is over.
    """
    refused = Refused("no_bearer")
    confirmations = assertion.findall(f"{{{SAML}}}Subject/{{{SAML}}}SubjectConfirmation")
    bearers = [each for each in confirmations if each.get("Method") == METHOD_BEARER]
    for confirmation in bearers:
        try:
            _check_bearer(confirmation, acs_url, in_response_to, now, skew)
        except Refused as reason:
            refused = reason
        else:
            data = (each.find(_DATA) for each in bearers)
            ends = (each.get("NotOnOrAfter") for each in data if each is not None)
            return max(instant(end) for end in ends if end is not None)
    raise refused


def _check_bearer(
    confirmation: Element, acs_url: str, in_response_to: str | None, now: datetime, skew: timedelta
) -> None:
    data = confirmation.find(_DATA)
    if data is None:
        raise Refused("no_bearer", "no SubjectConfirmationData")
    if data.get("Recipient") != acs_url:
        raise Refused("recipient", str(data.get("Recipient"))[:300])
    end = data.get("NotOnOrAfter")
    if end is None:
        raise Refused("bearer_no_expiry")
    if data.get("NotBefore") is not None:
        raise Refused("bearer_not_before")
    if over(end, now, skew):
        raise Refused("expired", f"bearer NotOnOrAfter {end[:40]}")
    if (data.get("InResponseTo") or None) != in_response_to:
        raise Refused("in_response_to", "the response and its assertion answer different requests")


def _text(element: Element) -> str:
    if len(element):
        raise Refused("structure", "an Audience with elements inside")
    return (element.text or "").strip(XML_SPACES)
