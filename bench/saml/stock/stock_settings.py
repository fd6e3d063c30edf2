"""A Django project as djangosaml2's own documentation sets it up, for comparison; the bench hands the addresses over."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT

FOLDER = Path(os.environ["STOCK_FOLDER"])
PUBLIC_URL = os.environ["STOCK_PUBLIC_URL"]
_database = urlsplit(os.environ["STOCK_DATABASE_URL"])

SECRET_KEY = "for a measurement alone, on this machine alone"  # noqa: S105
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True
ROOT_URLCONF = "stock_urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "djangosaml2",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "djangosaml2.middleware.SamlSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _database.hostname,
        "PORT": _database.port,
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "PASSWORD": _database.password,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
LOGGING = {"version": 1, "disable_existing_loggers": True}

AUTHENTICATION_BACKENDS = ["djangosaml2.backends.Saml2Backend"]
SESSION_COOKIE_SECURE = False
LOGIN_REDIRECT_URL = "/hello"
SAML_CREATE_UNKNOWN_USER = True
SAML_USE_NAME_ID_AS_USERNAME = True
SAML_ATTRIBUTE_MAPPING = {"email": ("email",)}
SAML_CONFIG = {
    "xmlsec_binary": os.environ["STOCK_XMLSEC"],
    "entityid": f"{PUBLIC_URL}/saml2/metadata/",
    "allow_unknown_attributes": True,
    "service": {
        "sp": {
            "endpoints": {
                "assertion_consumer_service": [(f"{PUBLIC_URL}/saml2/acs/", BINDING_HTTP_POST)],
                "single_logout_service": [(f"{PUBLIC_URL}/saml2/ls/", BINDING_HTTP_REDIRECT)],
            },
            "allow_unsolicited": True,
            "want_assertions_signed": True,
            "want_response_signed": False,
        }
    },
    "metadata": {"local": [str(FOLDER / "idp.xml")]},
    "key_file": str(FOLDER / "sp.key"),
    "cert_file": str(FOLDER / "sp.pem"),
}
