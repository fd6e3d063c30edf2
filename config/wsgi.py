"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.chunked import WholeBody

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = WholeBody(get_wsgi_application())
