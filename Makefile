# What there is to do with a checkout. Needs Python 3.11 or newer; the rest is made in .venv.

.PHONY: run test check bench chaos screenshots oauth-table lock css

# The whole product on this machine: http://localhost:8000, or as .env says. Ctrl-C stops it.
run:
	@bin/run

# Every test that this machine can run; the last lines say what was left out. `CI=true` leaves out nothing.
test:
	@bin/environment dev
	@.venv/bin/python bin/test

# Format, lint, types, import contracts, templates, deployment settings, migrations, styles.
check:
	@bin/environment dev
	@.venv/bin/python bin/check

bench:
	@bin/environment dev
	@.venv/bin/python -m bench

# Scheduled pulls while everything beneath them breaks, for ten minutes on each database; needs Linux, and
# PostgreSQL's programs for the second. CHAOS="--seed 5 --minutes 3 --kills 90": see tests/chaos/__main__.py.
chaos:
	@bin/environment dev
	@.venv/bin/python -m tests.chaos --database sqlite $(CHAOS)
	@.venv/bin/python -m tests.chaos --database postgres $(CHAOS)

# The journeys in a real browser, with a picture of each step in screenshots/.
screenshots:
	@bin/environment dev
	@SCREENSHOTS=screenshots .venv/bin/python -m pytest -m browser tests/journeys

# docs/oauth.md: what the OAuth client holds, the tests that prove it, and how they end in both lanes.
oauth-table:
	@bin/environment dev
	@.venv/bin/python bin/oauth-table

# Pins and hashes for every Python and platform that we support; no names of index hosts.
lock:
	@bin/environment dev
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  pyproject.toml -o requirements.txt
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	echo "uv==0.13.9" | .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	  --python-version 3.11 - -o requirements-uv.txt

# static/css/app.css from assets/app.css and the classes in the templates. Needs Node.
css:
	npm ci
	npm run css
