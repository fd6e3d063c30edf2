"""The tables of the django-scim2 project."""
