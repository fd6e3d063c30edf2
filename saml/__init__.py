"""SAML 2.0 service provider: one per connection, facing one identity provider."""
