# `make up` runs Rollcall, `make test` runs every check. Both need only Python 3.11 or newer (with venv) and make.

PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: up test tests types rules demo ldap lock clean

up: $(VENV)/.installed
	@exec $(BIN)/python manage.py up $(ARGS)

demo: $(VENV)/.installed
	@exec $(BIN)/python -m demo.tour $(ARGS)

# Many processes are started: where the environment forbids it to keep compiled modules, each would compile all of ours.
up demo test: export PYTHONDONTWRITEBYTECODE =

# mypy takes one core for a minute; the tests, which begin when the short rules are kept, leave it that.
test: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory -j 2 types tests

tests: rules
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

types: $(VENV)/.installed-dev
	$(BIN)/mypy

rules: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -W "ignore:Got an error checking a consistent migration history" manage.py makemigrations --check --dry-run

# LDAP directories are an extra: python-ldap is built here and needs a C compiler and libldap's and libsasl2's headers.
ldap: $(VENV)/.installed-ldap

lock: $(VENV)/.installed-dev
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links -o requirements.txt requirements.in
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links -o requirements-dev.txt requirements-dev.in
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links -o requirements-ldap.txt requirements-ldap.in

clean:
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Rollcall needs Python 3.11 or newer with venv; none was found." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) could not make a virtual environment; is python3-venv installed?" >&2; exit 1; }
	@touch $@

# The stamp makes the second start fast; a changed lock file installs again.
$(VENV)/.installed: requirements.txt | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-ldap: requirements-ldap.txt | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-ldap.txt
	@touch $@
