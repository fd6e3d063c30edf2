"""YAML event by event: of a long file nothing is kept but what it says, where a tree of its nodes would be thirty times as large."""

import re
from collections.abc import Hashable, Iterator, Mapping
from io import StringIO
from typing import Any, Final

import yaml

_TAGS: Final = "tag:yaml.org,2002:"
_TEXT: Final = _TAGS + "str"
# A wheel of PyYAML has libyaml in it; without, the same is read and written ten times slower.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Emitter: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Strict(_Parser):
    """Refuses a key that stands in one object twice (YAML 1.2, 3.2.1.3), and aliases, which can grow without end."""

    def document(self) -> Any:
        """Return what the only document says, None if there is none."""
        self.get_event()
        if self.check_event(yaml.StreamEndEvent):
            return None
        self.get_event()
        self.names: dict[Any, Any] = {}
        value = self._value(self.get_event())
        self.get_event()
        if not self.check_event(yaml.StreamEndEvent):
            raise _fault("a second document begins", self.get_event())
        return value

    def _value(self, event: yaml.Event) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._object(event)
        raise _fault("aliases are not taken: write the value out", event)

    def _list(self, start: yaml.SequenceStartEvent) -> list[Any]:
        _refuse_tag(start, "seq")
        items = []
        while not isinstance(event := self.get_event(), yaml.SequenceEndEvent):
            items.append(self._value(event))
        return items

    def _object(self, start: yaml.MappingStartEvent) -> dict[Any, Any]:
        _refuse_tag(start, "map")
        found: dict[Any, Any] = {}
        while not isinstance(event := self.get_event(), yaml.MappingEndEvent):
            name = self._value(event)
            if not isinstance(name, Hashable):
                raise _fault("a list or an object is no key", event)
            if name in found:
                raise _fault(f"{name} stands here twice", event)
            # The same few names stand in very many objects.
            name = self.names.setdefault(name, name)
            found[name] = self._value(self.get_event())
        return found

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _TEXT:
            return event.value
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        return self.construct_object(node, deep=True)


# `No` is a text and Norway's country code, and only true and false are what they say (YAML 1.2, 10.3.2).
_Strict.yaml_implicit_resolvers = {
    first: [(tag, written) for tag, written in known if tag != _TAGS + "bool"]
    for first, known in _Strict.yaml_implicit_resolvers.items()
}
_Strict.add_implicit_resolver(_TAGS + "bool", re.compile("^(true|false)$"), ["t", "f"])
# A date is a text here, as in JSON: its field knows how to read it.
_Strict.add_constructor(_TAGS + "timestamp", lambda loader, node: str(loader.construct_scalar(node)))


def read(raw: bytes) -> Any:
    """Return what the text says. Raises YAMLError."""
    loader = _Strict(raw)
    try:
        return loader.document()
    finally:
        loader.dispose()


def write(value: Any) -> str:
    """Return the value as YAML, keys in their own order, each on a line of its own and without aliases."""
    text: str = yaml.emit(_document(value), Dumper=_Emitter, allow_unicode=True, width=120)
    return text


def _document(value: Any) -> Iterator[yaml.Event]:
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    yield from _events(value, yaml.SafeDumper(StringIO()))
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _events(value: Any, known: Any) -> Iterator[yaml.Event]:
    if isinstance(value, Mapping):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not value)
        for name, item in value.items():
            yield from _events(name, known)
            yield from _events(item, known)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list | tuple):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=not value)
        for item in value:
            yield from _events(item, known)
        yield yaml.SequenceEndEvent()
    else:
        node = known.represent_data(value)
        plain = known.resolve(yaml.ScalarNode, node.value, (True, False)) == node.tag
        yield yaml.ScalarEvent(None, node.tag, (plain, node.tag == _TEXT), node.value, style=node.style)


def _refuse_tag(event: yaml.CollectionStartEvent, usual: str) -> None:
    if event.tag not in (None, "!", _TAGS + usual):
        raise _fault(f"{event.tag} is not known here", event)


def _fault(what: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, what, event.start_mark)
