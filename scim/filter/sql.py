"""Filters as SQL: a tree to one boolean expression with parameters. Never wider than what was asked, never quietly empty."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from identity.profile import folded, key_of
from scim.errors import Code, ScimError
from scim.filter import own
from scim.filter.ast import And, AttributePath, Comparison, Filter, Literals, Not, Or, Present, ValuePath
from scim.filter.match import comparable, moment, part
from scim.filter.vocabulary import Column, Vocabulary, literal
from scim.schemas.attribute import Attribute
from scim.schemas.common import META
from scim.schemas.resource_type import Place

_COMPARED = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def compiled(tree: Filter, vocabulary: Vocabulary) -> tuple[str, list[Any]]:
    """Return the filter as a boolean SQL expression, and its parameters. NULL stands for false, as it does in WHERE.

    ScimError filter_unknown, filter_unsupported, filter_value.
    """
    writing = _Writing(vocabulary)
    sql = writing.filter(tree)
    return sql, writing.parameters


class _Writing:
    """One expression while it is written; parameters stand in the order of their places."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.parameters: list[Any] = []
        self.names: Iterator[int] = count(1)

    def filter(self, tree: Filter) -> str:
        """Write a filter of the resource."""
        if isinstance(tree, And | Or):
            word = " AND " if isinstance(tree, And) else " OR "
            looked_up = self.any_of(tree) if isinstance(tree, Or) else ""
            return f"({looked_up}({word.join([self.filter(each) for each in tree.terms])}))"
        if isinstance(tree, Not):
            return _not(self.filter(tree.term))
        if isinstance(tree, ValuePath):
            place = self.found(tree.path)
            attribute = place.attribute
            if (
                attribute is None
                or place.sub is not None
                or not attribute.multi_valued
                or attribute.name == "schemas"
            ):
                raise ScimError(Code.FILTER_UNSUPPORTED, path=str(tree.path), operator="a filter in brackets")
            return self.some(place, tree.inner)
        return self.leaf(tree, self.found(tree.path))

    def found(self, path: AttributePath) -> Place:
        """Return where a path leads; one that leads nowhere is refused, since to leave it out would widen the filter."""
        place = self.vocabulary.kind.find_anywhere(path)
        if place is None or place.attribute is None:
            raise ScimError(Code.FILTER_UNKNOWN, path=str(path))
        if place.attribute.is_hidden or (place.sub is not None and place.sub.is_hidden):
            raise ScimError(Code.FILTER_HIDDEN, path=str(path))
        return place

    def leaf(self, tree: Comparison | Present, place: Place) -> str:
        """Write a comparison or `pr` of an attribute or of a part of it."""
        attribute = place.attribute
        assert attribute is not None  # noqa: S101 - found() has seen to it
        if attribute.name == "schemas":
            return self.schemas(tree)
        sub = place.sub
        if sub is None and (attribute.type == "complex" or attribute.multi_valued):
            # `emails eq "x"` and `members eq "u"`, as PingFederate and Entra write, mean the value.
            sub = attribute.sub("value")
            if isinstance(tree, Present) and (sub is None or not attribute.multi_valued):
                return "TRUE" if attribute is META else f"({self.vocabulary.json(place)} IS NOT NULL)"
            if sub is None:
                raise ScimError(Code.FILTER_UNSUPPORTED, path=str(tree.path), operator="a value")
        is_list = sub is not None and sub.is_plain_list
        if sub is not None and (attribute.multi_valued or is_list):
            asked = AttributePath(None, "value" if is_list else sub.name)
            if isinstance(tree, Present):
                return self.some(place, Present(asked))
            if tree.operator not in {"eq", "ne"}:
                return self.some(place, Comparison(asked, tree.operator, tree.value))
            equal = self.some(place, Comparison(asked, "eq", tree.value))
            if tree.value is None:
                # Unassigned, null and an empty list are one state (RFC 7643 §2.5).
                equal = _not(f"{self.some(place, Present(asked))} AND {_not(equal)}")
            # Of a list "ne" means that no value is equal; so of one that isn't there, as for a single value.
            return equal if tree.operator == "eq" else _not(equal)
        column = self.vocabulary.column(Place(place.extension, attribute, sub))
        looked_up = self.narrowed(place, tree) if sub is None else ""
        return f"({looked_up}{self.compare(tree, column, sub or attribute)})"

    def any_of(self, tree: Or) -> str:
        """Write who can be looked up where each term names one value, before the terms, which decide; no index leads an OR over tables."""
        keys, chosen, values = self.vocabulary.keys, [], []
        if keys is None:
            return ""
        for term in tree.terms:
            if not (isinstance(term, Comparison) and term.operator == "eq" and isinstance(term.value, str)):
                return ""
            place = self.found(term.path)
            if place.extension is not None or place.attribute is None:
                return ""
            if place.sub is not None and not (place.attribute.multi_valued and place.sub.name == "value"):
                return ""
            chosen.append(keys.chosen(place.attribute.name))
            values.append(key_of(term.value) if place.attribute.name == "userName" else term.value)
        if not all(chosen):
            return ""
        self.parameters.extend(values)
        return f"{keys.is_among(chosen)} AND "

    def narrowed(self, place: Place, tree: Filter) -> str:
        """Write what can be looked up of a condition, before the condition itself, which decides; nothing where nothing can."""
        keys, attribute = self.vocabulary.keys, place.attribute
        if (
            keys is None
            or place.extension is not None
            or attribute is None
            or attribute.name not in keys.names
        ):
            return ""
        for term in tree.terms if isinstance(tree, And) else (tree,):
            if isinstance(term, Comparison) and term.operator in {"eq", "sw"} and isinstance(term.value, str):
                if attribute.multi_valued and str(term.path).lower() != "value":
                    continue
                condition = keys.condition(term.operator, attribute.name)
                self.parameters.extend([term.value] * condition.count("%s"))
                return f"{condition} AND "
        return ""

    def schemas(self, tree: Comparison | Present) -> str:
        """Write a condition on `schemas`: the core one is always there, an extension where it has values."""
        if isinstance(tree, Present):
            return "TRUE"
        schema = self.vocabulary.kind.urns.get(str(tree.value).lower())
        if tree.operator != "eq" or not isinstance(tree.value, str):
            raise ScimError(Code.FILTER_UNSUPPORTED, path="schemas", operator=tree.operator)
        if schema is None:
            return "FALSE"
        if schema is self.vocabulary.kind.schema:
            return "TRUE"
        return f"({self.vocabulary.profile}->{literal(schema.id)} IS NOT NULL)"

    def some(self, place: Place, inner: Filter) -> str:
        """Write that one and the same value fulfils the inner filter."""
        attribute = place.sub if place.sub is not None and place.sub.is_plain_list else place.attribute
        assert attribute is not None  # noqa: S101 - found() has seen to it
        rows = self.vocabulary.rows_of(place)
        if rows is not None:
            condition = self.element(inner, attribute, rows.parts)
            return f"EXISTS (SELECT 1 FROM {rows.source} AND {condition})"  # noqa: S608 - built from tables alone
        name = f"e{next(self.names)}"
        parts = {sub.name: Column(f"{name}.v->>{literal(sub.name)}") for sub in attribute.sub_attributes}
        if attribute.is_plain_list:
            parts = {"value": Column(f"{name}.v#>>'{{}}'")}
        looked_up = self.narrowed(place, inner)
        condition = self.element(inner, attribute, parts)
        values = f"jsonb_array_elements({self.vocabulary.json(place)}) AS {name}(v)"
        return f"({looked_up}EXISTS (SELECT 1 FROM {values} WHERE {condition}))"  # noqa: S608 - built from tables alone

    def element(self, tree: Filter, attribute: Attribute, parts: Mapping[str, Column]) -> str:
        """Write the filter within brackets, about one value."""
        if isinstance(tree, And | Or):
            word = " AND " if isinstance(tree, And) else " OR "
            return "(" + word.join([self.element(each, attribute, parts) for each in tree.terms]) + ")"
        if isinstance(tree, Not):
            return _not(self.element(tree.term, attribute, parts))
        if isinstance(tree, ValuePath):
            raise ScimError(Code.FILTER_UNKNOWN, path=str(tree.path))
        sub = part(tree.path, attribute)
        if sub.is_hidden:
            raise ScimError(Code.FILTER_HIDDEN, path=f"{attribute.name}.{sub.name}")
        column = parts[sub.name]
        if sub is attribute.preference and isinstance(tree, Comparison) and tree.value is not None:
            column = column._replace(sql=f"COALESCE({column.sql}, 'false')")
        return self.compare(tree, column, sub)

    def compare(self, tree: Comparison | Present, column: Column, attribute: Attribute) -> str:
        """Write one comparison of one value."""
        if isinstance(tree, Present):
            return f"({column.sql} IS NOT NULL)"
        value = comparable(tree, attribute)
        if value is None:
            return f"({column.sql} IS {'' if tree.operator == 'eq' else 'NOT '}NULL)"
        negated = tree.operator == "ne"
        operator = "eq" if negated else tree.operator
        if operator in {"eq", *_COMPARED}:
            column = column.typed(attribute)
        if column.held == "number":
            self.parameters.append(value)
            written = f"{column.sql} {_COMPARED.get(operator, '=')} %s"
        elif column.held == "uuid" and operator == "eq":
            written = own.id_is(column.sql, str(value), self.parameters)
        elif column.held == "time" and operator in {"eq", *_COMPARED}:
            self.parameters.append(moment(str(value), str(tree.path)))
            written = f"{column.sql} {_COMPARED.get(operator, '=')} %s"
        elif column.held == "own_time" and operator in {"eq", *_COMPARED}:
            when = moment(str(value), str(tree.path))
            written = own.time_is(column.sql, operator, when, self.parameters)
        elif attribute.type == "boolean":
            written = self.boolean(column, value)
        else:
            written = self.text(column, operator, value, attribute)
        # "ne" holds of a value that isn't there (RFC 7644 §3.4.2.2).
        return _not(written) if negated else written

    def boolean(self, column: Column, value: Literals) -> str:
        """Write an equality of a truth value."""
        if column.held == "boolean":
            return column.sql if value else f"NOT {column.sql}"
        return f"({column.sql}) = '{'true' if value else 'false'}'"

    def text(self, column: Column, operator: str, value: Literals, attribute: Attribute) -> str:
        """Write a comparison of text, with or without regard to case as the schema says."""
        left, right = f"({column.sql})", "%s"
        if column.held == "uuid":
            left = f"{left}::text"
        elif column.held == "own_time":
            left = own.SHOWN_TIME.format(left)
        if column.held == "key":
            value = key_of(str(value)) if operator == "eq" else folded(str(value))
        elif not attribute.case_exact:
            left, right = f"lower({left})", "lower(%s)"
        self.parameters.append(str(value))
        if operator == "eq":
            return f"{left} = {right}"
        if operator == "co":
            return f"position({right} in {left}) > 0"
        if operator == "sw":
            return f"starts_with({left}, {right})"
        if operator == "ew":
            self.parameters.append(str(value))
            return f"right({left}, length({right})) = {right}"
        return f'{left} COLLATE "C" {_COMPARED[operator]} {right}'


def _not(written: str) -> str:
    # Only here would NULL make a difference; anywhere else a COALESCE would keep PostgreSQL from its indexes.
    return f"(NOT COALESCE({written}, FALSE))"
