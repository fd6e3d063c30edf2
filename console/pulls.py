"""Directories that are read by Rollcall: setting one up, testing its connection, giving it a file, stopping its clock."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse
from django.utils import timezone

from console import directories, edits, reading
from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.forms.pulled import PulledForm
from console.paging import shorten
from identity import directories as directory_verbs
from identity import directory_kinds, pulls, sync_runs, tenancy
from identity.directory_kinds import Kind, Verdict
from identity.errors import Invalid, Refusal
from identity.models import Directory, Pull, Run
from identity.outside import Outcome, Outside

_RUNS_SHOWN: Final = 20


class FileForm(Form):
    """A file to be read by the next run."""

    file = forms.FileField(label="CSV file", max_length=200)


def choose(visit: Visit) -> HttpResponse:
    """List the kinds of directories that can be read."""
    return page(visit, "pull_choose.html", {"kinds": directory_kinds.kinds()})


def create(visit: Visit, kind: str) -> HttpResponse:
    """Set a directory up; its first run shows its plan and waits."""
    known = _kind(kind)
    form = PulledForm(visit.posted, kind=known)
    if form.is_valid():
        try:
            made = pulls.create(
                visit.organization, actor=visit.actor, kind=known.name, name=form.cleaned_data["name"], settings=form.settings,
                credentials=form.credentials, every_minutes=form.cleaned_data["every_minutes"],
            )  # fmt: skip
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            said = f"{made.directory.name} is there. Test the connection; its first run will show you its plan and wait."
            return done(visit, said, "directory", directory=made.directory_id)
    values = {"form": form, "kind": known}
    return page(visit, "pull_create.html", values, status=400 if form.is_bound else 200)


def change(visit: Visit, directory: Directory) -> HttpResponse:
    """Change a directory's settings, rules, schedule, or credentials."""
    pull = pulls.of(directory)
    form = PulledForm(
        visit.posted, kind=_kind(directory.kind), settings=directory.settings,
        initial={"name": directory.name, "every_minutes": pull.every_minutes},
    )  # fmt: skip
    if form.is_valid():
        try:
            # Both or neither: refused credentials leave no other setting changed.
            with tenancy.change(visit.organization):
                directory_verbs.change(
                    directory, actor=visit.actor, name=form.cleaned_data["name"], settings=form.settings
                )
                pulls.change(
                    pull, actor=visit.actor, every_minutes=form.cleaned_data["every_minutes"],
                    credentials=_renewed(pull, form.credentials),
                )  # fmt: skip
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return done(visit, "The settings are changed.", "directory", directory=directory.pk)
    values = {
        "form": form,
        "meanwhile": edits.meanwhile(visit, form, directory.pk),
        "directory": directory,
        "pulled": True,
        "here": "directory_change",
    }
    return page(visit, "pull_change.html", values, status=400 if form.is_bound else 200)


def show(visit: Visit, directory: Directory, **more: Any) -> HttpResponse:
    """Show one directory: its clock, its latest runs, what waits for somebody."""
    pull = pulls.of(directory)
    runs = shorten(
        Run.objects.filter(organization=visit.organization, directory=directory).order_by("-pk"), _RUNS_SHOWN
    )
    values: dict[str, Any] = {
        "directory": directory,
        "pull": pull,
        "kind": _kind(directory.kind),
        "runs": runs,
        "running": next((run for run in runs if run.is_open), None),
        "plans": directories.held_plans(visit).filter(directory=directory),
        "file_form": FileForm(),
        "history": reading.of_subject(visit.organization.pk, str(directory.pk), 5)
        if visit.may("record")
        else [],
        "pulled": True,
        "here": "directory",
        "now": timezone.now(),
    }
    return page(visit, "pull.html", values | more, status=more.pop("status", 200))


def test(visit: Visit, directory: UUID) -> Outside[Verdict]:
    """Try the connection and show what was found."""
    pull = _pull(visit, directory)

    def shown(outcome: Outcome[Verdict]) -> HttpResponse:
        try:
            verdict = outcome()
        except Invalid as refusal:
            return show(visit, pull.directory, problem=refusal.message, status=400)
        return show(visit, directories.find(visit, directory), verdict=verdict)

    return Outside(lambda: pulls.test(pull), shown)


def run(visit: Visit, directory: UUID) -> HttpResponse:
    """Have the directory read now; a dry run only plans."""
    pull = _pull(visit, directory)
    dry = visit.request.POST.get("dry_run") == "true"
    try:
        begun = sync_runs.ask(pull.directory, actor=visit.actor, dry_run=dry)
    except Refusal as refusal:
        return show(visit, directories.find(visit, directory), problem=refusal.message, status=409)
    said = "The directory is being read; nothing will be changed." if dry else "The directory is being read."
    return done(visit, said, "run", directory=directory, run=begun.pk)


def pause(visit: Visit, directory: UUID) -> HttpResponse:
    """Stop or start the directory's clock."""
    pull = _pull(visit, directory)
    if visit.request.POST.get("resume") == "true":
        pulls.resume(pull, actor=visit.actor)
        return done(visit, "The directory is read again.", "directory", directory=directory)
    pulls.pause(pull, actor=visit.actor)
    return done(
        visit, "The directory is paused: nobody comes or goes by it.", "directory", directory=directory
    )


def file(visit: Visit, directory: UUID) -> HttpResponse:
    """Take a file for the next run, which follows at once."""
    pull = _pull(visit, directory)
    form = FileForm(visit.posted, visit.request.FILES)
    if form.is_valid():
        upload = form.cleaned_data["file"]
        if upload.size > pulls.FILE_BYTES_MAX:
            form.add_error("file", "The file is too large: lay it into the watched folder.")
        else:
            with refusals_in(form):
                pulls.put_file(pull, upload.read(), upload.name, actor=visit.actor)
                return done(
                    visit, f"{upload.name} will be read within a minute.", "directory", directory=directory
                )
    return show(visit, directories.find(visit, directory), file_form=form, status=400)


def _pull(visit: Visit, directory: UUID) -> Pull:
    found = directories.find(visit, directory)
    if found.kind in directory_verbs.KINDS:
        raise Http404
    return pulls.of(found)


def _kind(name: str) -> Kind:
    try:
        return directory_kinds.kind_of(name)
    except Invalid as error:
        raise Http404 from error


def _renewed(pull: Pull, written: dict[str, Any]) -> dict[str, Any] | None:
    """Return the credentials with what is written in the place of what was, None where nothing is."""
    return pulls.credentials_of(pull) | written if written else None
