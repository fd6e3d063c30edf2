"""The addresses of a connection, below /saml2/."""

from django.urls import path

from saml import views

urlpatterns = [
    path("<uuid:connection_id>/metadata", views.service_provider_metadata, name="saml-metadata"),
    path("<uuid:connection_id>/certificate", views.certificate, name="saml-certificate"),
    path("<uuid:connection_id>/login", views.login, name="saml-login"),
    path("<uuid:connection_id>/acs", views.acs, name="saml-acs"),
    path("<uuid:connection_id>/sls", views.sls, name="saml-sls"),
]
