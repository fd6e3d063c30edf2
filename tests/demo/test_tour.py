"""The system as a newcomer meets it: `up`, `demo`, Ctrl-C, and `up` again on the same data."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from config import embedded
from config.embedded.state import load_secrets
from demo import address
from demo.cast import CUSTOMERS
from demo.tour.chapters import CHAPTERS
from tests.operations.machine import Machine, bare_environment
from tests.waiting import PATIENCE, eventually


class Demonstrated(Machine):
    """One `manage.py up` with the demonstration's data."""

    def command(self, *more):
        return [part for part in super().command(*more) if part != "--empty"]


@dataclass
class House:
    """A machine that ran, and what it told; its address and token to ask it with."""

    machine: Demonstrated
    tours: list[str] = field(default_factory=list)

    def ask(self, path: str):
        token = load_secrets(self.machine.data).operator_token
        url = f"http://localhost:{self.machine.port}/api/v1{path}"
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.get(url, headers=headers, timeout=PATIENCE).raise_for_status().json()

    def entries(self, slug: str) -> list[str]:
        return [entry["id"] for entry in self.ask(f"/organizations/{slug}/entries?limit=200")["items"]]

    def numbered(self) -> bool:
        """Tell whether every entry has its number: a worker gives it after each commit."""
        text = httpx2.get(f"http://localhost:{self.machine.port}/metrics", timeout=PATIENCE).text
        return "\nrollcall_sequencer_lag_seconds 0.0\n" in text

    def settled(self, slugs: list[str]) -> dict[str, list[str]]:
        """Give the newest entries when no more of them come."""
        known: dict[str, list[str]] = {}
        for _ in range(30):
            assert eventually(self.numbered)
            found = {slug: self.entries(slug) for slug in slugs}
            if found == known:
                break
            known = found
            time.sleep(1)
        return known


def tour(data: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "demo.tour", f"--data={data}"],
        env=bare_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    machine = Demonstrated(tmp_path_factory.mktemp("demonstration"))
    try:
        machine.start()
        yield House(machine)
    finally:
        machine.stop()
        embedded.stop(machine.data)


def test_up_tells_where_the_demonstration_is(house):
    known = json.loads((house.machine.data / address.FILE).read_text())
    for customer in CUSTOMERS:
        assert known["organizations"][customer.slug]["login_url"] in house.machine.output
    assert known["identity_provider"] in house.machine.output


def test_the_whole_tour_is_as_it_should_be(house):
    played = tour(house.machine.data)
    assert played.returncode == 0, played.stdout + played.stderr
    for number, chapter in enumerate(CHAPTERS, start=1):
        assert f"\n{number}. {chapter.TITLE}\n" in played.stdout
    assert "✗" not in played.stdout
    assert "\x1b[" not in played.stdout


def test_the_tour_can_be_played_again(house):
    played = tour(house.machine.data, ROLLCALL_OPERATOR_TOKEN=load_secrets(house.machine.data).operator_token)
    assert played.returncode == 0, played.stdout + played.stderr


def test_a_second_start_finds_its_data_and_adds_nothing(house):
    organizations = [item["slug"] for item in house.ask("/organizations")["items"]]
    tours = {slug for slug in organizations if slug.startswith("tour-")}
    assert len(tours) == 2
    before = house.settled(organizations)
    house.machine.stop()
    house.machine.start()
    after = house.settled(organizations)
    assert {slug: after[slug] for slug in after.keys() - tours} == {
        slug: before[slug] for slug in before.keys() - tours
    }
    # Jobs may still have worked for what the tours left; nothing is lost.
    for slug in tours:
        assert set(before[slug][:100]) <= set(after[slug])


def test_a_seeded_person_signs_in_at_the_identity_provider(house):
    from demo.tour.clients.browser import Browser, forms, text
    from demo.tour.screen import Screen

    known = json.loads((house.machine.data / address.FILE).read_text())["organizations"]["meridian"]
    browser = Browser(Screen(), f"http://localhost:{house.machine.port}", "maren")
    page = browser.open(known["login_url"])
    one_click = next(form for form in forms(page) if form.fields.get("name_id") == known["administrator"])
    signed = browser.submit(one_click, {})
    console = browser.submit(forms(signed)[0], {})
    assert console.request.url.path == "/o/meridian/"
    assert "Meridian Property" in text(console)
    browser.close()


def test_a_wrong_token_ends_the_tour_with_what_was_expected(house):
    played = tour(house.machine.data, ROLLCALL_OPERATOR_TOKEN="x" * 40)
    assert played.returncode == 1
    assert "✗ The operator creates an organization" in played.stdout
    assert "expected  201" in played.stdout
    assert "401" in played.stdout


def test_without_a_demonstration_the_tour_says_what_to_do(tmp_path):
    played = tour(tmp_path)
    assert played.returncode == 2
    assert "make up" in played.stderr


def test_without_a_server_the_tour_says_what_to_do(tmp_path):
    known = {"server": "http://localhost:9", "identity_provider": "http://localhost:9", "organizations": {}}
    (tmp_path / address.FILE).write_text(json.dumps(known))
    played = tour(tmp_path, ROLLCALL_OPERATOR_TOKEN="x" * 40)
    assert played.returncode == 1
    assert "make up" in played.stdout
