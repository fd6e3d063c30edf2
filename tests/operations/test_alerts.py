"""The alerts of deploy/prometheus ask for metrics that are there, by labels that they have, and say what to do."""

import re

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from config import attention
from config.environment import ROOT
from identity import jobs
from tests.conftest import join

FOLDER = ROOT / "deploy/prometheus"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "rollcall.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
METRIC = re.compile(r"\b(rollcall_\w+)(?:\{([^}]*)\})?")
MATCHED = re.compile(r'(\w+)(?:=~|=)"([^"]*)"')
# What Prometheus puts on every target; a label of ours by one of these names would be renamed.
PROMETHEUS_OWN = {"job", "instance"}


@pytest.fixture
def told(client, acme) -> dict[str, list[dict[str, str]]]:
    """Give the labels of each sample that /metrics tells, by its name, once a job has run and a request was answered."""
    from tasks.jobs import leavers

    jobs.forget()  # whoever ran it a moment ago, in another test, keeps it from being noted
    leavers.scheduled_ends()
    join(acme, "bob@acme.example")
    client.get("/scim/v2/Users")
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_every_metric_of_a_rule_is_there_with_its_labels(told):
    missing = []
    for rule in RULES:
        for name, matchers in METRIC.findall(rule["expr"]):
            if name not in told:
                missing.append((rule["alert"], name))
                continue
            for label, values in MATCHED.findall(matchers or ""):
                known = {labels.get(label) for labels in told[name]}
                wanted = {"4xx"} if values == "5xx" else set(values.split("|"))
                missing += [(rule["alert"], name, label, value) for value in wanted - known]
    assert missing == []


def test_no_label_of_ours_is_one_that_prometheus_puts_on_a_target(told):
    ours = {
        name: labels for name, samples in told.items() if name.startswith("rollcall_") for labels in samples
    }
    assert {
        name: set(labels) & PROMETHEUS_OWN for name, labels in ours.items() if set(labels) & PROMETHEUS_OWN
    } == {}


def test_everything_that_waits_for_a_person_has_an_alert():
    asked = " ".join(rule["expr"] for rule in RULES)
    assert [what for what in attention.KINDS if what not in asked] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
    kept = {label.strip() for labels in grouped for label in labels.split(",")} | PROMETHEUS_OWN
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= kept


def test_prometheus_is_told_of_the_rules_that_are_there():
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert [(FOLDER / name).is_file() for name in settings["rule_files"]] == [True]
    assert [job["job_name"] for job in settings["scrape_configs"]] == ["rollcall"]
