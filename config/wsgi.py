"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()

from config import clients, granian_threads, metrics  # noqa: E402 - the same
from config.gate import Gate  # noqa: E402 - the same
from config.scim_wsgi import ScimFirst  # noqa: E402 - views are imported when Django is set up

application = Gate(ScimFirst(django_application))
granian_threads.install()
clients.take_descriptors()
metrics.reserve()

# What is loaded by now stays to the end. The garbage collector looked through it again and again: a seventh of the time of a list page.
gc.collect()
gc.freeze()
