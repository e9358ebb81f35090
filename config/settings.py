"""Everything that differs by place is read from the environment, here and nowhere else.

A bad value stops the start with one sentence that names the variable. `.env.example` lists every name.
"""

import base64
import binascii
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

from config import broker, logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")


def stop(sentence: str) -> NoReturn:
    """End the start of whichever process reads the settings, with a sentence instead of a traceback."""
    raise SystemExit(f"Cannot start: {sentence}")


T = TypeVar("T")


def read(name: str, cast: Callable[..., T], default: Any, what: str) -> T:
    """The variable `name` by one of django-environ's readers; an unreadable value stops the start."""
    try:
        return cast(name, default=default)
    except (ValueError, environ.ImproperlyConfigured):
        stop(f"{name} must be {what}, and is {os.environ.get(name)!r}.")


# Where things are -----------------------------------------------------------------------------------

DEBUG = read("DEBUG", env.bool, False, "true or false")
PORT = read("PORT", env.int, 8000, "a port number, such as 8000")
if not 0 < PORT < 65536:
    stop(f"PORT must be between 1 and 65535, and is {PORT}.")

BASE_URL = env.str("BASE_URL", default="").rstrip("/") or f"http://localhost:{PORT}"
_base = urlsplit(BASE_URL)
if _base.scheme not in ("http", "https") or not _base.hostname or _base.query or _base.fragment or _base.path:
    stop(f"BASE_URL must be an address without a path, as https://connect.example, and is {BASE_URL!r}.")
IS_HTTPS = _base.scheme == "https"

DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / "data").resolve()
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    stop(f"DATA_DIR {str(DATA_DIR)!r} cannot be made: {error.strerror}.")


# Keys -----------------------------------------------------------------------------------------------


def kept_key(name: str, generate: Callable[[], str]) -> str:
    """The variable `name`, else the value kept in DATA_DIR, which is made at the first start (mode 600).

    Several processes start at once: the file is written aside and linked into place, so that the
    first one wins and all read the same value.
    """
    given: str = env.str(name, default="")
    if given:
        return given
    if IS_HTTPS and not DEBUG:
        stop(f"{name} must be set when BASE_URL is https: a generated one would be lost with the machine.")
    path = DATA_DIR / name.lower()
    if not path.exists():
        aside = path.with_suffix(f".{os.getpid()}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(generate())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return path.read_text().strip()


SECRET_KEY = kept_key("SECRET_KEY", lambda: secrets.token_urlsafe(64))
if len(SECRET_KEY) < 32 or "changeme" in SECRET_KEY.lower():
    stop("SECRET_KEY must be at least 32 random characters.")


def encryption_keys(ring: str) -> dict[int, bytes]:
    """`2:base64,1:base64` → the key ring; the first one encrypts, all of them decrypt."""
    keys: dict[int, bytes] = {}
    for entry in filter(None, (part.strip() for part in ring.split(","))):
        number, _, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not number.isascii() or not number.isdigit() or not 0 < int(number) < 65536 or len(key) != 32:
            stop(
                "ENCRYPTION_KEYS must be entries such as 1:BASE64 separated by commas: a number from 1 to "
                "65535, a colon, and 32 random bytes in base64."
            )
        if int(number) in keys:
            stop(f"ENCRYPTION_KEYS names key {number} twice.")
        keys[int(number)] = key
    return keys or stop("ENCRYPTION_KEYS is empty.")


ENCRYPTION_KEYS = encryption_keys(
    kept_key("ENCRYPTION_KEYS", lambda: "1:" + base64.b64encode(secrets.token_bytes(32)).decode())
)


# The outside ----------------------------------------------------------------------------------------

# Networks or hosts with port that may be called although they are not public; checked by connections.apps.
OUTBOUND_ALLOW: list[str] = [
    entry.strip() for entry in env.list("OUTBOUND_ALLOW", default=[]) if entry.strip()
]
# A file with providers of the host's own, in the form of connections/providers/catalogue.toml.
PROVIDERS_FILE: str = env.str("PROVIDERS_FILE", default="")

# Clients of the host's own, for all teams to connect with: PRESET_<SLUG>_CLIENT_ID and _CLIENT_SECRET, by the
# slug of the preset. One made on the admin pages comes after these.
PRESET_CLIENTS: dict[str, tuple[str, str]] = {
    name.removeprefix("PRESET_").removesuffix("_CLIENT_ID").lower(): (
        client_id,
        env.str(name.removesuffix("ID") + "SECRET", default=""),
    )
    for name, client_id in os.environ.items()
    if name.startswith("PRESET_") and name.endswith("_CLIENT_ID") and client_id
}

SIGNUP = env.str("SIGNUP", default="invitation")
if SIGNUP not in ("open", "invitation", "closed"):
    stop(f"SIGNUP must be open, invitation or closed, and is {SIGNUP!r}.")


# Django ---------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "accounts",
    "connections",
    "requests_builder",
    "operations",
    "allauth",
    "allauth.account",
    # Its pages are looked for by config.urls: they cost 7 MB, and workers have none.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "config.middleware.RequestId",
    "config.middleware.CanonicalAddress",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.PrivatePages",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.access.team_context",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    },
]

_loopback = {"localhost", "127.0.0.1", "[::1]"}
ALLOWED_HOSTS = sorted({_base.hostname, *_loopback})

TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Uploads stay in memory and off the disk, for they hold secrets; what is larger is read and dropped.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024 + 64 * 1024


# The database ---------------------------------------------------------------------------------------

try:
    _database = env.db_url_config(
        env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'connector.sqlite3'}"
    )
except (ValueError, environ.ImproperlyConfigured):
    stop(
        "DATABASE_URL must be such as postgres://user:password@host:5432/name or sqlite:////path/file.sqlite3."
    )
if _database["ENGINE"].endswith("sqlite3"):
    _database["ENGINE"] = "config.sqlite3"
    _database["OPTIONS"] = {
        # A writer waits for its turn; without IMMEDIATE two readers that turn writers deadlock at once.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;",
    }
    # To open it anew takes longer than most of what is asked of it.
    _database["CONN_MAX_AGE"] = 60
elif _database["ENGINE"].endswith("postgresql"):
    # A process that was frozen in the middle of a transaction keeps its locks, and everybody who takes runs
    # waits for them. Long enough for whoever computes within a transaction on a machine that is too busy.
    _limit = "-c idle_in_transaction_session_timeout=60s"
    _options = _database.setdefault("OPTIONS", {})
    _options["options"] = f"{_limit} {_options.get('options', '')}".strip()
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
else:
    stop("DATABASE_URL must name PostgreSQL or SQLite.")
DATABASES = {"default": _database}

# Limits on logins count in the database, which every process shares; the broker may be lost at any time.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}


# Runs -----------------------------------------------------------------------------------------------

# What one run may take; beyond it the run fails, and its table stays as it was.
RUN_MAX_PAGES = read("RUN_MAX_PAGES", env.int, 10_000, "a number of pages")
RUN_MAX_ROWS = read("RUN_MAX_ROWS", env.int, 10_000_000, "a number of rows")
RUN_MAX_BYTES = read("RUN_MAX_BYTES", env.int, 10 * 2**30, "a number of bytes")
RUN_MAX_SECONDS = read("RUN_MAX_SECONDS", env.int, 6 * 3600, "a number of seconds")
RUN_MAX_PAGE_BYTES = read("RUN_MAX_PAGE_BYTES", env.int, 50 * 2**20, "a number of bytes")
# How many pages of a host one process asks for before their turn, at most; 0: each when the one before it is
# stored. See `requests_builder.runs.ahead`.
RUN_PAGES_AHEAD = read("RUN_PAGES_AHEAD", env.int, 8, "a number of pages")
if not 0 <= RUN_PAGES_AHEAD <= 32:
    stop(f"RUN_PAGES_AHEAD must be between 0 and 32, and is {RUN_PAGES_AHEAD}.")

# How many runs a worker process works on at once, and how many runs of a team, and of a team at one host, all
# workers together.
WORKER_THREADS = read("WORKER_THREADS", env.int, 24, "a number of threads")
RUNS_PER_TEAM = read("RUNS_PER_TEAM", env.int, 100, "a number of runs")
RUNS_PER_HOST = read("RUNS_PER_HOST", env.int, 8, "a number of runs")
for _name, _most in (("WORKER_THREADS", 256), ("RUNS_PER_TEAM", 10_000), ("RUNS_PER_HOST", 10_000)):
    if not 1 <= globals()[_name] <= _most:
        stop(f"{_name} must be between 1 and {_most}, and is {globals()[_name]}.")

# Over how many seconds schedules that are due together begin; 0: all at once.
SCHEDULE_SPREAD_SECONDS = read("SCHEDULE_SPREAD_SECONDS", env.int, 0, "a number of seconds")
if not 0 <= SCHEDULE_SPREAD_SECONDS <= 60:
    stop("SCHEDULE_SPREAD_SECONDS must be a number from 0 to 60.")

# How long runs are kept, and how many of one request; how long what failed attempts sent and received.
# 0: without end.
RUNS_KEPT_DAYS = read("RUNS_KEPT_DAYS", env.int, 90, "a number of days")
RUNS_KEPT_PER_REQUEST = read("RUNS_KEPT_PER_REQUEST", env.int, 10_000, "a number of runs")
ANSWERS_KEPT_DAYS = read("ANSWERS_KEPT_DAYS", env.int, 14, "a number of days")
for _name in ("RUNS_KEPT_DAYS", "RUNS_KEPT_PER_REQUEST", "ANSWERS_KEPT_DAYS"):
    if not 0 <= globals()[_name] <= 1_000_000:
        stop(f"{_name} must be between 0 and 1000000, and is {globals()[_name]}.")


# Refreshes ------------------------------------------------------------------------------------------

# What the background sends one host of token endpoints at most, all workers together.
REFRESHES_PER_SECOND = read("REFRESHES_PER_SECOND", env.float, 20.0, "a number of refreshes a second")
if not 0 < REFRESHES_PER_SECOND <= 10_000:
    stop(f"REFRESHES_PER_SECOND must be between 0 and 10000, and is {REFRESHES_PER_SECOND:g}.")


# Token requests -------------------------------------------------------------------------------------

# How long an authorization server may take for one exchange of a code, and for one refresh, in all their
# requests together. Leases, and the time that a process gets to end in, are made for no longer ones.
EXCHANGE_SECONDS = read("EXCHANGE_SECONDS", env.float, 50.0, "a number of seconds")
REFRESH_SECONDS = read("REFRESH_SECONDS", env.float, 90.0, "a number of seconds")
for _name, _seconds, _longest in (
    ("EXCHANGE_SECONDS", EXCHANGE_SECONDS, 50),
    ("REFRESH_SECONDS", REFRESH_SECONDS, 90),
):
    if not 1 <= _seconds <= _longest:
        stop(f"{_name} must be between 1 and {_longest} seconds, and is {_seconds:g}.")


# The workers ----------------------------------------------------------------------------------------

BROKER_URL = env.str("BROKER_URL", default="") or broker.embedded_url(DATA_DIR)
if urlsplit(BROKER_URL).scheme not in ("redis", "rediss", "redis+socket"):
    stop("BROKER_URL must begin with redis://, rediss:// or redis+socket://.")


# Static files ---------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# `collectstatic` is what writes the manifest.
_has_manifest = (STATIC_ROOT / "staticfiles.json").is_file() or "collectstatic" in sys.argv[1:2]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _has_manifest
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# A checkout serves its files as they lie; an image has them collected, hashed and compressed.
WHITENOISE_USE_FINDERS = not _has_manifest


# Accounts -------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.Adapter"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_USER_MODEL_USERNAME_FIELD = None


# Mail -----------------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"API Connector <noreply@{_base.hostname}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Seconds; a mail server that says nothing must not hold a worker for ever.
EMAIL_TIMEOUT = 20
if env.str("EMAIL_URL", default=""):
    try:
        vars().update(env.email_url("EMAIL_URL"))
    except (ValueError, KeyError, environ.ImproperlyConfigured):
        stop("EMAIL_URL must be such as smtp+tls://user:password@mail.example.org:587.")
else:
    EMAIL_BACKEND = "config.mail.PrintedAndKept"
    EMAIL_FILE_PATH = DATA_DIR / "mail"


# Security -------------------------------------------------------------------------------------------

SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
# Our pages keep their hand on the popup that they open; a provider may still cut it from its side.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}


# Logs -----------------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console").lower()
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
for _name, _value, _choice in (
    ("LOG_FORMAT", LOG_FORMAT, logs.FORMATS),
    ("LOG_LEVEL", LOG_LEVEL, logs.LEVELS),
):
    if _value not in _choice:
        stop(f"{_name} must be {', '.join(_choice[:-1])} or {_choice[-1]}.")
# Not by Django, which would set up its own before: mails to administrators that nobody has named, for which
# each process would import a megabyte.
LOGGING_CONFIG = None
LOGGING = logs.configuration(LOG_FORMAT, LOG_LEVEL)
logs.configure(LOGGING)

# The header in which a proxy before us tells the id of a request. Empty: an id of our own for each, for what
# anybody may send would stand in the logs as if we had made it.
REQUEST_ID_HEADER = env.str("REQUEST_ID_HEADER", default="")


# Metrics --------------------------------------------------------------------------------------------

# The token that /metrics asks for; empty: there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    stop("METRICS_TOKEN must be at least 16 random characters.")
