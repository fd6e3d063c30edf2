"""The CSV connector: a file of an HR system, one row a person: uploaded, laid into the watched folder, or fetched by SFTP.

The whole file is a snapshot. The same file twice is no second word about anybody: the cookie is its digest, with the day where it tells of
last days.
"""

import zoneinfo
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, BinaryIO, ClassVar, Final

from identity.directory_kinds import Field, Verdict
from tasks.connectors import csv_text
from tasks.connectors.csv_text import Row
from tasks.connectors.faults import Misconfigured, ResyncNeeded
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.mapping import TARGETS, profile_of, unknown_targets

PAGE_ROWS: Final = 1000
ROWS_MAX: Final = 5_000_000
_GROUPS: Final = "groups"
_LAST_DAY: Final = "last_day"
_OWN: Final = (_GROUPS, _LAST_DAY)
# A day as it may be written, and how that is read. Nobody can tell the third from the fourth by looking at them.
_DATES: Final = {
    "2027-03-31": "%Y-%m-%d",
    "31.03.2027": "%d.%m.%Y",
    "31/03/2027": "%d/%m/%Y",
    "03/31/2027": "%m/%d/%Y",
}
# With what Excel and LibreOffice write for TRUE and FALSE in the languages of Europe; more can be named in the settings.
_YES: Final = frozenset({
    "true", "yes", "y", "1", "x", "active", "enabled", "ja", "aktiv", "oui", "actif", "tak", "ano", "áno", "sí", "si", "sim", "evet",
    "wahr", "vrai", "verdadero", "vero", "waar", "verdadeiro", "prawda", "sant", "sand", "sann", "tosi", "pravda", "igaz", "истина",
})  # fmt: skip
_NO: Final = frozenset({
    "false", "no", "n", "0", "inactive", "disabled", "terminated", "nein", "inaktiv", "non", "inactif", "nie", "ne", "nej", "nee", "não",
    "hayır", "falsch", "faux", "falso", "onwaar", "fałsz", "falskt", "falsk", "usann", "epätosi", "nepravda", "hamis", "ложь",
})  # fmt: skip
_STRANGE_MAX: Final = 5


class CsvConnector(Connector):
    """Reads people, and the names of their groups, from a file with a heading."""

    kind: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV file"
    takes_file: ClassVar[bool] = True
    keys_once: ClassVar[bool] = True
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "mapping", "Columns", "mapping", required=True, in_scope=True, choices=(*TARGETS, *_OWN),
            needs=("external_id", "user_name"),
            help='Which column fills what, as {"user_name": "Login"}. external_id and user_name are needed; there are '
            f"{', '.join(TARGETS)}, {', '.join(_OWN)}.",
        ),
        Field("encoding", "Encoding", "choice", default="auto", choices=csv_text.ENCODINGS),
        Field("delimiter", "Delimiter", "choice", default="auto", choices=tuple(csv_text.DELIMITERS)),
        Field("groups_separator", "Between group names", default="|", in_scope=True),
        Field("active_words", "Words for active", "list", in_scope=True, help="Beside yes, true, 1, aktiv, wahr, oui and their like."),
        Field("inactive_words", "Words for inactive", "list", in_scope=True, help="Beside no, false, 0, inaktiv and their like."),
        Field("dates", "How dates are written", "choice", default="2027-03-31", choices=tuple(_DATES)),
        Field("time_zone", "Time zone of last days", default="UTC", help="Where a last day ends, as Europe/Berlin."),
        Field("rows_min", "Fewest rows", "number", default=1, least=1, help="A file with fewer rows counts as cut off."),
        Field("trailer", "Trailer", help="The first cell of a last line that counts the rows in its second cell, as TRAILER."),
        Field("sentinel", "Canary", help="The key or user name of somebody who must be in every file."),
        Field("sftp_url", "SFTP address", "url", in_scope=True, help="Where the file is fetched, as sftp://user@host/out/people-*.csv."),
        Field("sftp_host_key", "SFTP host key", help="As ssh-keyscan prints it. Another key is refused."),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (
        Field("sftp_password", "SFTP password"),
        Field("sftp_private_key", "SFTP private key"),
    )

    def __init__(self, settings: Json, credentials: Json, *, file: BinaryIO | None = None) -> None:
        super().__init__(settings, credentials, file=file)
        named = {
            name: {word.strip().casefold() for word in self.settings[name] or ()}
            for name in ("active_words", "inactive_words")
        }
        # What the settings name wins: "x" may be a leaver's mark.
        self._yes = (_YES - named["inactive_words"]) | named["active_words"]
        self._no = (_NO - named["active_words"]) | named["inactive_words"]
        self._strange: set[str] = set()
        # The day from which on a last day before it is over; None where the file tells of none.
        self._today: date | None = None

    def test(self) -> Verdict:
        """Read the first page of the file. May raise Fault."""
        page = next(self.fetch())
        bad = (
            f" {len(page.unreadable)} of its rows cannot be read: {page.unreadable[0].reason}"
            if page.unreadable
            else ""
        )
        if self._strange:
            words = ", ".join(f"“{word}”" for word in sorted(self._strange))
            bad += f" Is somebody active who is {words}? Name it in active_words or inactive_words."
        return Verdict(
            ok=not bad, code="unreadable" if bad else "", people=len(page.people), groups=len(page.groups),
            sentence=f"The file's first {len(page.people) + len(page.unreadable)} rows were read.{bad}",
            sample=[person.user_name for person in page.people[:5]],
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:
        """Give the rows in pages. Raises ResyncNeeded where another file lies there than the one that was begun with."""
        if self.settings["sftp_url"]:
            from tasks.connectors import sftp  # its libraries are a tenth of what every process would load

            with sftp.download(
                self.settings["sftp_url"], self.settings["sftp_host_key"], self.credentials
            ) as self.file:
                yield from self._read(checkpoint, cookie)
            return
        yield from self._read(checkpoint, cookie)

    def _read(self, checkpoint: Json | None, cookie: Json | None) -> Iterator[Page]:
        if self.file is None:
            raise Misconfigured(
                "There is no file yet: upload one, lay it into the watched folder, or give an SFTP address."
            )
        self._check_mapping()
        self._today = self._now() if _LAST_DAY in self.settings["mapping"] else None
        digest = csv_text.digest_of(self.file)
        if checkpoint is None and cookie is not None and cookie == self._cookie(digest):
            yield Page(end=End(whole=False, cookie=cookie))
            return
        if checkpoint is not None and checkpoint.get("digest") != digest:
            raise ResyncNeeded("The file was replaced while it was read.")
        yield from self._pages(digest, int(checkpoint["row"]) if checkpoint else 0)

    def _pages(self, digest: str, skipped: int) -> Iterator[Page]:
        trailer = self.settings["trailer"]
        batch: list[Row] = []
        count, promised = 0, None
        for row in csv_text.rows(
            self.file,  # type: ignore[arg-type]  # fetch has refused None
            encoding=self.settings["encoding"],
            delimiter=self.settings["delimiter"],
        ):
            first = next(iter(row.misfits if row.cells is None else row.cells.values()), "")
            if trailer and first.strip() == trailer:
                promised = _second(row)
                continue
            count += 1
            if count > ROWS_MAX:
                raise Misconfigured(f"The file has more than {ROWS_MAX} rows: split the directory.")
            if count <= skipped:
                continue
            batch.append(row)
            if len(batch) == PAGE_ROWS:
                yield self._page(batch, {"digest": digest, "row": count})
                batch = []
        end = End(whole=True, cookie=self._cookie(digest), incomplete=self._lack(count, promised))
        yield self._page(batch, {"digest": digest, "row": count}, end)

    def _lack(self, count: int, promised: str | None) -> str:
        if count < self.settings["rows_min"]:
            return f"The file has {count} rows; at least {self.settings['rows_min']} were expected."
        if self.settings["trailer"] and promised != str(count):
            return f"The file has {count} rows; its trailer says {promised or 'nothing: it is missing'}."
        return ""

    def _page(self, rows: list[Row], checkpoint: Json, end: End | None = None) -> Page:
        people: list[Person] = []
        bad: list[Unreadable] = []
        groups: dict[str, Group] = {}
        memberships: list[Membership] = []
        for row in rows:
            found = self._person(row)
            if isinstance(found, Unreadable):
                bad.append(found)
                continue
            people.append(found)
            for name in self._groups(row):
                groups.setdefault(name, Group(name, name))
                memberships.append(Membership(name, found.external_id))
        return Page(
            people, list(groups.values()), memberships, unreadable=bad, checkpoint=checkpoint, end=end
        )

    def _person(self, row: Row) -> Person | Unreadable:
        place = f"line {row.number}"
        if row.cells is None:
            return Unreadable(
                place, f"The row has {len(row.misfits)} cells, which is not what the heading has."
            )
        cells = row.cells
        values = {
            target: cells[column].strip()
            for target, column in self.settings["mapping"].items()
            if target not in _OWN
        }
        key, user_name = values.pop("external_id"), values.pop("user_name")
        if not key or not user_name:
            return Unreadable(place, "The key or the user name is empty.")
        active: bool | None = True
        if "active" in values:
            active = self._truth(values.pop("active"))
        try:
            if self._is_over(cells):
                active = False
        except ValueError:
            return Unreadable(place, f"The last day is not written as {self.settings['dates']}.")
        return Person(key, user_name, profile_of(values), active)

    def _is_over(self, cells: dict[str, str]) -> bool:
        """Tell whether the row has a last day, and that is over. Raises ValueError for what is none."""
        if self._today is None:
            return False
        text = cells[self.settings["mapping"][_LAST_DAY]].strip()
        # The day alone: whether it is over is asked in one zone for all.
        return bool(text) and datetime.strptime(text, _DATES[self.settings["dates"]]).date() < self._today  # noqa: DTZ007

    def _now(self) -> date:
        try:
            return datetime.now(zoneinfo.ZoneInfo(self.settings["time_zone"])).date()
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise Misconfigured(
                f"{self.settings['time_zone']} is no time zone; one is called as Europe/Berlin."
            ) from error

    def _cookie(self, digest: str) -> dict[str, str]:
        """Return what the next run is told: the same file says something else on the day after somebody's last."""
        return {"digest": digest} | ({"day": self._today.isoformat()} if self._today else {})

    def _truth(self, text: str) -> bool | None:
        """Return what a cell says of being active; None where it says neither."""
        word = text.strip().casefold()
        if word in self._yes or word in self._no:
            return word in self._yes
        if word and len(self._strange) < _STRANGE_MAX:
            self._strange.add(text.strip()[:40])
        return None

    def _groups(self, row: Row) -> list[str]:
        column = self.settings["mapping"].get(_GROUPS)
        if column is None or row.cells is None:
            return []
        names = (name.strip() for name in row.cells[column].split(self.settings["groups_separator"] or "|"))
        return list(dict.fromkeys(name for name in names if name))

    def _check_mapping(self) -> None:
        mapping: dict[str, Any] = self.settings["mapping"]
        strange = unknown_targets(
            {target: column for target, column in mapping.items() if target not in _OWN}
        )
        if strange:
            raise Misconfigured(
                f"The mapping fills {strange[0]}, which is not one of {', '.join((*TARGETS, *_OWN))}."
            )
        for needed in ("external_id", "user_name"):
            if needed not in mapping:
                raise Misconfigured(f"The mapping must say which column is the {needed}.")
        columns = csv_text.heading(
            self.file,  # type: ignore[arg-type]  # fetch has refused None
            encoding=self.settings["encoding"],
            delimiter=self.settings["delimiter"],
        )
        missing = [column for column in mapping.values() if column not in columns]
        if missing:
            raise Misconfigured(f"The file has no column {missing[0]}; it has {', '.join(columns)}.")
        # Exports repeat names that nobody asks for; only of what is read it must be clear which one is meant.
        twice = [column for column in mapping.values() if columns.count(column) > 1]
        if twice:
            raise Misconfigured(f"Two columns of the file have the name {twice[0]}: each needs its own.")


def _second(row: Row) -> str:
    cells = list(row.misfits if row.cells is None else row.cells.values())
    return cells[1].strip() if len(cells) > 1 else ""
