"""Things of the product that access is given on."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from identity.models.tenant import TenantModel, reference


class Kind(TenantModel):
    """A kind of resource: portfolio, asset, company, shop, shop_country, or one of the organization's own.

    `permissions` are ordered from weak to strong: each one includes those before it.
    """

    name = models.TextField()
    parent = reference("identity.Kind", "children", null=True)
    permissions = ArrayField(models.TextField())
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "name"], name="kind_name"),)

    def __str__(self) -> str:
        return self.name


class Resource(TenantModel):
    """One portfolio, asset, company …; `key` is the product's own id for it, unique within the kind."""

    kind = reference("identity.Kind", "resources")
    key = models.TextField()
    name = models.TextField()
    parent = reference("identity.Resource", "children", null=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "kind", "key"], name="resource_key"),)
        indexes = (models.Index(fields=["organization", "parent"], name="resource_parent"),)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.key}"
