"""What the README and docs/ name is there: files, folders, tests, the headings that links lead to, and functions of modules.

What the code names of docs/ is there too, and whoever reads a module finds the decision behind it.
"""

import ast
import re
from collections import Counter

import pytest

from config.environment import ROOT
from tasks.connectors import BY_KIND

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
DECISIONS = [page for page in PAGES if re.fullmatch(r"docs/decisions/[a-z-]+\.md", page)]
FLOORS = "audit|bench|config|console|demo|deploy|docs|identity|saml|scim|tasks|tests"
CODED = ("audit", "config", "console", "identity", "saml", "scim", "tasks")
CODE = re.compile(r"`([^`\n]+)`")
# `identity/members.py`, `tasks/sync/`, `saml/urls`, and `identity/batches.suspend`, a function of a module.
NAMED = re.compile(rf"^(?:python )?((?:{FLOORS})/[\w/-]*)(?:\.(\w+))?")
# `test_lists.py`, `scim/test_lists.py`, and `scim/test_lists.py::test_…`, one test of it.
TEST = re.compile(r"((?:\w+/)*test_\w+\.py)\b(?:::(\w+))?")
PAGE = re.compile(r"\bdocs/[\w./-]+\.\w+")
LINK = re.compile(r"\]\(([^)#\s]*)#?([^)\s]*)\)")
SUFFIXES = ("css", "html", "js", "json", "md", "py")


def is_a_test(path: str, what: str) -> bool:
    """Tell whether there is such a file of tests, with a test of that name in it if one is named."""
    files = [*ROOT.glob(f"tests/**/{path}")]
    return any(f"\ndef {what}(" in file.read_text() for file in files) if what else bool(files)


def missing(named: str) -> bool:
    """Tell whether a text in backticks names a file, a folder or a function of ours that is not there."""
    if tests := TEST.findall(named):
        return not all(is_a_test(path.removeprefix("tests/"), what) for path, what in tests)
    match = NAMED.match(named)
    if match is None:
        return False
    path, what = match[1], match[2]
    if what in SUFFIXES:
        return not (ROOT / f"{path}.{what}").is_file()
    if what is None:
        return not ((ROOT / path).exists() or (ROOT / f"{path}.py").is_file())
    module = ROOT / f"{path}.py"
    return not module.is_file() or what not in {
        node.name for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }  # fmt: skip


def anchors(text: str) -> set[str]:
    """Return what links may end in, by GitHub's rule: small letters, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_name_in_backticks_is_there(page):
    assert [named for named in CODE.findall((ROOT / page).read_text()) if missing(named)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (ROOT / page).read_text()
    dead = []
    for link, heading in LINK.findall(text):
        if "://" in link:
            continue
        target = (ROOT / page).parent / link if link else ROOT / page
        if not target.exists() or (heading and heading not in anchors(target.read_text())):
            dead.append((link, heading))
    assert dead == []


@pytest.mark.parametrize(
    "named",
    ["identity/nobody.py", "identity/members.nothing", "scim/never", "docs/none.md", "test_never.py", "api/test_lists.py",
     "scim/test_lists.py::test_never", "python bench/none/run.py --all"],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_noticed(named):
    assert missing(named)


def pages_named() -> dict[str, set[str]]:
    """Return the pages of docs/ that modules name, and by which modules."""
    found: dict[str, set[str]] = {}
    for floor in CODED:
        for path in (ROOT / floor).rglob("*.py"):
            for page in PAGE.findall(path.read_text()):
                found.setdefault(page, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_every_page_that_a_module_names_is_there():
    assert {page: by for page, by in pages_named().items() if not (ROOT / page).is_file()} == {}


def test_every_decision_is_named_by_a_module_that_it_is_about():
    assert set(DECISIONS) - pages_named().keys() == set()


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_says_what_was_asked_chosen_and_refused_and_what_would_change_it(page):
    text = (ROOT / page).read_text()
    said = re.findall(r"^\*\*(Question|Chosen|Refused|Would change our mind)\b", text, re.MULTILINE)
    assert list(dict.fromkeys(said)) == ["Question", "Chosen", "Refused", "Would change our mind"]


@pytest.mark.parametrize("page", ["scim", "saml"])
def test_each_line_about_a_protocol_names_what_holds_it(page):
    rows = [row for row in (ROOT / f"docs/{page}.md").read_text().splitlines() if row.startswith("| ")]
    bare = [row for row in rows if "::test_" not in row and not re.match(r"\| (section|what|---) ", row)]
    assert bare == []


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_option_of_a_connector_is_told_and_read(kind):
    options = [field.name for field in (*BY_KIND[kind].setting_fields, *BY_KIND[kind].credential_fields)]
    told = (ROOT / "docs/connectors.md").read_text().split("## Every setting\n")[1]
    row = next(line for line in told.splitlines() if line.startswith(f"| `{kind}` |"))
    assert CODE.findall(row) == [kind, *options]
    # One that is declared, asked for and never looked at would promise what nobody does.
    paths = [
        path
        for name in (kind, "sftp", "interface")
        for path in (ROOT / "tasks/connectors").glob(f"{name}*.py")
    ]
    code = "".join(path.read_text() for path in paths)
    assert [name for name in options if not re.search(rf"""\[["']{name}["']\]|get\("{name}"\)""", code)] == []


@pytest.mark.parametrize(
    ("folder", "start"), [("guides", "README.md"), ("decisions", "docs/decisions/README.md")]
)
def test_every_page_is_led_to(folder, start):
    """From the README every guide can be reached, and from its list every decision: a page to which nothing leads is read by nobody."""
    reached, waiting = set(), {(ROOT / start).resolve()}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = [link for link, _ in LINK.findall(page.read_text()) if link.endswith(".md")]
        waiting |= {(page.parent / link).resolve() for link in links if "://" not in link} - reached
    assert {path for path in (ROOT / "docs" / folder).glob("*.md") if path not in reached} == set()


def test_the_map_shows_each_module_once():
    wrong = []
    for section in (ROOT / "docs/map.md").read_text().split("\n## ")[1:]:
        floor, _, text = section.partition("\n")
        shown = Counter(
            named for row in text.splitlines() if row.startswith("| ") for named in CODE.findall(row)
        )
        there = {path.stem for path in (ROOT / floor).glob("*.py")} - {"__init__", "apps", "models", "urls"}
        wrong += [f"{floor}/{name}" for name in {*shown, *there} if shown[name] != (name in there)]
    assert wrong == [], "each of these wants one place in docs/map.md, or is gone"
