"""The product's own REST API, `/api/v1`: each endpoint checks shapes, calls one verb and shows the thing as it then is."""
