"""SCIM 2.0 (RFC 7643, RFC 7644): the door that customers' identity providers push people and groups through."""
