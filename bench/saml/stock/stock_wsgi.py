"""The WSGI application of the project that is compared with."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stock_settings")
application = get_wsgi_application()
