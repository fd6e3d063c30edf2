"""The style sheets and the sprite know what the templates ask of them."""

import re
from pathlib import Path

import console

ROOT = Path(console.__file__).parent
SHEETS = "".join(
    (ROOT / "static/console" / name).read_text() for name in ("vendor/tabler.css", "console.css")
)
TEMPLATES = {path: path.read_text() for path in sorted(ROOT.glob("templates/**/*.html"))}
# Named for the reader or for a test, without a look of their own.
PLAIN = {
    "rc-side",
    "rc-record",
    "rc-changes",
    "rc-column-wide",
    "rc-column-narrow",
    "rc-org-all",
    "rc-messages",
    "rc-stat-label",
}


def test_every_class_in_a_template_has_a_rule():
    used = {
        name
        for text in TEMPLATES.values()
        for value in re.findall(r'class="([^"]*)"', re.sub(r"{%.*?%}|{{.*?}}", " ", text))
        for name in value.split()
        if not name.endswith("-")
    }
    known = set(re.findall(r"\.([a-zA-Z][\w-]*)", SHEETS))
    assert sorted(used - known - PLAIN) == []


def test_every_alert_has_our_colours():
    """Those of the vendored sheet cannot be read in the dark."""
    bare = {
        path.name
        for path, text in TEMPLATES.items()
        for name in re.findall(r'class="(alert [^"]*)"', text)
        if "rc-alert" not in name
    }
    assert bare == set()


def test_every_icon_is_in_the_sprite():
    used = {name for text in TEMPLATES.values() for name in re.findall(r'{% icon "([\w-]+)"', text)}
    used |= set(re.findall(r'icon="([\w-]+)"', "".join(TEMPLATES.values())))
    used |= set(re.findall(r'"[\w]+", "[\w -]+", "([\w-]+)", \(', (ROOT / "navigation.py").read_text()))
    known = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/console/icons.svg").read_text()))
    assert sorted(used - known) == []


def test_vendored_files_carry_their_licences():
    vendor = ROOT / "static/console/vendor"
    for name in ("tabler", "tabler-icons", "inter"):
        assert "Copyright" in (vendor / f"{name}-LICENSE.txt").read_text()
