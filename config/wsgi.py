"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.chunked import WholeBody

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()

from config.scim_wsgi import ScimFirst  # noqa: E402 - views are imported when Django is set up

application = WholeBody(ScimFirst(django_application))
