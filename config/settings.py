"""Every setting of Rollcall, read once from the environment; `docs/settings.md` has a line for each.

Nothing is started here. With `ROLLCALL_DEBUG=true` (a developer's machine, `manage.py up`) missing addresses
and keys come from the data directory; otherwise they must be set, and a missing one stops the start.
"""

import os
from pathlib import Path

from csp.constants import NONCE

from config import databases, embedded, logs
from config.embedded.state import load_secrets
from config.environment import ROOT, Environment, credentials, data_directory
from tasks.timetable import LONG, LONG_QUEUE, QUEUE, beat_schedule

env = Environment(os.environ)

# ROLLCALL_DEBUG is development mode as a whole. Django's own DEBUG stays off even then: it would show people
# tracebacks and remember every SQL statement.
ROLLCALL_DEBUG = env.flag("ROLLCALL_DEBUG", default=False)
DEBUG = False

ROLLCALL_DATA = data_directory()
env.given("ROLLCALL_DATA")
_local = embedded.urls(ROLLCALL_DATA) if ROLLCALL_DEBUG else None
_local_secrets = load_secrets(ROLLCALL_DATA) if ROLLCALL_DEBUG else None

# --- Where we are ---------------------------------------------------------------------------------

_public = env.public_url(
    "ROLLCALL_PUBLIC_URL", "http://localhost:8000" if ROLLCALL_DEBUG else None, https=not ROLLCALL_DEBUG
)
ROLLCALL_PUBLIC_URL = (
    f"{_public.scheme}://{_public.netloc}"  # every SAML and SCIM address derives from this one
)
_https = _public.scheme == "https"
ALLOWED_HOSTS = env.listing("ROLLCALL_ALLOWED_HOSTS", (_public.hostname or "",))
if ROLLCALL_DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [ROLLCALL_PUBLIC_URL]

# How many proxies of ours stand in front: that many entries at the end of X-Forwarded-For are believed.
ROLLCALL_TRUSTED_PROXIES = env.integer("ROLLCALL_TRUSTED_PROXIES", 0, least=0, most=10)
if ROLLCALL_TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Hosts inside private networks that may be asked for metadata all the same, as an identity provider of one's own.
ROLLCALL_OUTBOUND_ALLOW = env.listing("ROLLCALL_OUTBOUND_ALLOW")

# How long the sign-in log keeps attributes and NameIDs.
ROLLCALL_SIGN_IN_DETAIL_DAYS = env.integer("ROLLCALL_SIGN_IN_DETAIL_DAYS", 30, least=1, most=365)

# How long the archive of an organization can be downloaded.
ROLLCALL_BUNDLE_DAYS = env.integer("ROLLCALL_BUNDLE_DAYS", 7, least=1, most=90)

# How long the lines of a directory run's plan are kept once the run is over; they name people.
ROLLCALL_PLAN_DAYS = env.integer("ROLLCALL_PLAN_DAYS", 90, least=1, most=3650)

# From scheduling the deletion of an organization to its beginning, at least; PostgreSQL itself holds a day.
ROLLCALL_DELETION_DAYS = env.integer("ROLLCALL_DELETION_DAYS", 30, least=1, most=365)

# Below it, in a folder named by the organization's id, lie the files that directories read; empty watches none.
ROLLCALL_WATCHED_FOLDER = env.text("ROLLCALL_WATCHED_FOLDER", "")

# Whom to ask for the TXT records that prove domains; empty for the machine's own resolvers.
ROLLCALL_DNS_SERVERS = env.addresses("ROLLCALL_DNS_SERVERS", port=53)

# --- Secrets --------------------------------------------------------------------------------------

SECRET_KEY = env.secret("ROLLCALL_SECRET_KEY", _local_secrets.secret_key if _local_secrets else None)
SECRET_KEY_FALLBACKS = env.listing("ROLLCALL_SECRET_KEYS_OLD")
ROLLCALL_MASTER_KEY = env.key("ROLLCALL_MASTER_KEY", _local_secrets.master_key if _local_secrets else None)
ROLLCALL_MASTER_KEYS_OLD = env.keys("ROLLCALL_MASTER_KEYS_OLD")
# The first operator, made by `manage.py prepare_database` when named.
ROLLCALL_OPERATOR_EMAIL = env.mailbox("ROLLCALL_OPERATOR_EMAIL", "")
ROLLCALL_OPERATOR_PASSWORD = env.secret(
    "ROLLCALL_OPERATOR_PASSWORD", None if ROLLCALL_OPERATOR_EMAIL else "", least=15
)
ROLLCALL_OPERATOR_TOKEN = env.secret(
    "ROLLCALL_OPERATOR_TOKEN",
    _local_secrets.operator_token if _local_secrets else "",
    # On a developer's machine people type one themselves.
    least=1 if ROLLCALL_DEBUG else 32,
)

# --- Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "audit",
    "identity",
    "scim",
    "saml",
    "tasks",
    "console",
    "config",
]
MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    "config.scim_door.ScimDoor",  # what follows is for browsers and for the REST API
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.RequestContextMiddleware",
    "django.middleware.common.CommonMiddleware",
    "console.turned.TurnedMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "identity.browser.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "identity.Member"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
# A user name is unique within its organization, not over all of them.
SILENCED_SYSTEM_CHECKS = ["auth.E003", "auth.W004"]

# --- PostgreSQL and Valkey ------------------------------------------------------------------------

DATABASE_URL = env.text("DATABASE_URL", _local.database_url if _local else None)
DATABASE_OWNER_URL = env.text(
    "DATABASE_OWNER_URL", _local.owner_url if _local and not env.given("DATABASE_URL") else ""
)
DATABASES = {
    # The application's role: row-level security binds it.
    "default": databases.read(env, "DATABASE_URL", DATABASE_URL),
}
# The owner of the tables, for `migrate --database owner` alone; web and workers need not have it.
if DATABASE_OWNER_URL:
    DATABASES["owner"] = databases.read(env, "DATABASE_OWNER_URL", DATABASE_OWNER_URL)

REDIS_URL = env.url("REDIS_URL", ("redis", "rediss"), _local.redis_url if _local else None).geturl()

# --- Time and language ----------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

# --- Static files ---------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = ROLLCALL_DATA / "static" if ROLLCALL_DEBUG else ROOT / "staticfiles"
if ROLLCALL_DEBUG:
    STATIC_ROOT.mkdir(
        exist_ok=True
    )  # nothing is collected there, but whitenoise warns of a missing directory
WHITENOISE_USE_FINDERS = ROLLCALL_DEBUG
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if ROLLCALL_DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Browsers -------------------------------------------------------------------------------------

# A cookie so named is taken by browsers from this host alone, over https: a neighbour below the same domain cannot plant its own.
_this_host = "__Host-" if _https else ""
SESSION_COOKIE_NAME = _this_host + "rollcall_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = _this_host + "rollcall_csrf"
SECURE_HSTS_SECONDS = env.integer(
    "ROLLCALL_HSTS_SECONDS", 31_536_000 if _https else 0, least=0, most=63_072_000
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("ROLLCALL_HSTS_SUBDOMAINS", default=False)
SECURE_SSL_REDIRECT = env.flag("ROLLCALL_HTTPS_REDIRECT", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# A page of permissions sends up to 5,000 boxes, a list of people who move 1,000; Django's own limit is 1,000 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 6000

_SELF = "'self'"
_NONE = "'none'"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [_NONE],
        "script-src": [_SELF, NONCE],
        "style-src": [_SELF, NONCE],
        "img-src": [_SELF, "data:"],
        "font-src": [_SELF],
        "connect-src": [_SELF],
        "manifest-src": [_SELF],
        # A view that posts elsewhere (SAML to an identity provider) widens this one with csp_update.
        "form-action": [_SELF],
        "frame-ancestors": [_NONE],
        "base-uri": [_NONE],
    }
}

# --- Mail -----------------------------------------------------------------------------------------

_mail = env.url("EMAIL_URL", ("smtp", "smtps", "smtp+tls", "console"), "console://localhost")
EMAIL_BACKEND = f"django.core.mail.backends.{'console' if _mail.scheme == 'console' else 'smtp'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or {"smtps": 465, "smtp+tls": 587}.get(_mail.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = credentials(_mail)
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp+tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.mailbox("ROLLCALL_MAIL_FROM", f"rollcall@{_public.hostname}", named=True)

# --- REST -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "NUM_PROXIES": ROLLCALL_TRUSTED_PROXIES,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rollcall",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- Celery ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = QUEUE
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name} for name in (QUEUE, LONG_QUEUE)}
CELERY_TASK_ROUTES = {job: {"queue": LONG_QUEUE} for job in LONG}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest job, else it would be handed to a second worker while the first is at it.
    "visibility_timeout": 3600,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "retry_on_timeout": False,
    "max_retries": 1,
    "interval_start": 0,
}
CELERY_BEAT_SCHEDULE = beat_schedule()
# In memory: a new clock has every job done within a minute, so it has nothing to remember and needs no file.
CELERY_BEAT_SCHEDULER = "tasks.clock:Clock"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# --- Logs and metrics ----------------------------------------------------------------------------------

_LOG_FORMAT = "text" if ROLLCALL_DEBUG else "json"
ROLLCALL_LOG_FORMAT = env.choice("ROLLCALL_LOG_FORMAT", ("json", "text"), _LOG_FORMAT)
LOGGING = logs.configure(
    env.choice("ROLLCALL_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"), ROLLCALL_LOG_FORMAT
)
if env.given("PROMETHEUS_MULTIPROC_DIR"):
    # prometheus_client reads it by itself when the counters are made, and fails without the directory.
    Path(env.text("PROMETHEUS_MULTIPROC_DIR")).mkdir(parents=True, exist_ok=True)
ROLLCALL_METRICS_NETWORKS = env.networks("ROLLCALL_METRICS_NETWORKS", ("127.0.0.0/8", "::1/128"))
ROLLCALL_METRICS_TOKEN = env.secret("ROLLCALL_METRICS_TOKEN", "", least=16)

# --- Web processes (read by `manage.py serve`) ----------------------------------------------------------

ROLLCALL_WEB_WORKERS = env.integer("ROLLCALL_WEB_WORKERS", 2, least=1, most=64)
ROLLCALL_WEB_THREADS = env.integer("ROLLCALL_WEB_THREADS", 4, least=1, most=64)
# What PostgreSQL may take for one statement of a request; jobs and commands may take longer. A group of 100,000 is put in 13 s in all.
ROLLCALL_STATEMENT_SECONDS = env.integer("ROLLCALL_STATEMENT_SECONDS", 30, least=1, most=600)
