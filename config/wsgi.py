"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()

from config import granian_threads, metrics  # noqa: E402 - the same
from config.gate import Gate  # noqa: E402 - the same
from config.scim_wsgi import ScimFirst  # noqa: E402 - views are imported when Django is set up

application = Gate(ScimFirst(django_application))
granian_threads.install()
metrics.reserve()

# What is loaded by now stays until the end; looking through it for garbage again and again took a seventh of a page of a list.
gc.collect()
gc.freeze()
