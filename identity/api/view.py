"""What every endpoint shares: who calls, what it takes, what it gives, and how its refusals are told."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, Final, TypeVar, cast

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from audit.record import Actor
from identity import conflicts
from identity.api import idempotency, problems
from identity.api.authentication import Caller, Credentials
from identity.api.body import OnlyJson, StrictJson
from identity.api.description import Described
from identity.api.paging import Page, listing, page
from identity.api.permissions import Entitled
from identity.api.shapes import Query, Strict

Shape = type[Serializer[Any]]
_CHANGING: Final = {"post", "put", "patch", "delete"}
Handler = TypeVar("Handler", bound=Callable[..., Any])


class ApiView(APIView):
    """An endpoint: `needs` names the capabilities of each method as data, and its methods call verbs as `actor`."""

    authentication_classes = [Credentials]
    permission_classes = [Entitled]
    parser_classes = [StrictJson]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OnlyJson
    metadata_class = None
    schema = Described()
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # A POST that changes nothing is answered anew each time, whatever key comes with it.
    only_asks: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Let every POST take an Idempotency-Key, and every change outlive one that it stood in the way of."""
        super().__init_subclass__(**options)
        if "post" in cls.__dict__ and not cls.only_asks:
            cls.post = idempotency.once(cls.post)  # type: ignore[attr-defined]
        for method in _CHANGING & cls.__dict__.keys():
            if method != "post" or not cls.only_asks:
                setattr(cls, method, _outliving(cls.__dict__[method]))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who calls and what they may; an address with a NUL, which PostgreSQL cannot hold, leads nowhere."""
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            raise Http404
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return the one that speaks problem details."""
        return problems.handle

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return cast("Caller", self.request.auth)

    @property
    def actor(self) -> Actor:
        """Who the record says it was."""
        return self.caller.actor

    def taken(self, shape: Shape, **options: Any) -> Any:
        """Return the body, checked. Raises ValidationError."""
        return _valid(shape(data=self.request.data, **options))

    def asked(self, shape: Shape) -> dict[str, Any]:
        """Return the query, checked. Raises ValidationError."""
        return _valid(shape(data=self.request.query_params))  # type: ignore[no-any-return]

    def paged(
        self, rows: Any, shape: Shape, query: Mapping[str, Any] | None = None, *, among: Any = None
    ) -> Response:
        """Answer one page of `rows` in the given shape, chosen `among` others or not; the tenancy must be set."""
        chosen = query if query is not None else self.asked(Page)
        found, following = page(rows, chosen["limit"], chosen.get("after"), among=among)
        return Response({"items": shape(found, many=True).data, "next": following})


def _outliving(change: Handler) -> Handler:
    """Return the method such that it is done again where PostgreSQL ended its transaction for another one's sake."""

    @wraps(change)
    def answer(view: Any, *args: Any, **kwargs: Any) -> Any:
        return conflicts.outlived(lambda: change(view, *args, **kwargs))

    return cast("Handler", answer)


def describe(
    operation: str,
    *,
    takes: Any = None,
    gives: Any = None,
    lists: Shape | None = None,
    asks: Shape | None = None,
    status: int = 200,
    media: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Describe a method of a view for OpenAPI: its operation id, body, answer (or the items of its page), query and kind of answer.

    A method that takes no body, or asks for no query, refuses one: `?dry_run=true` must not pass for a rehearsal.
    """
    answer = listing(lists) if lists is not None else gives
    described = extend_schema(
        operation_id=operation,
        request=takes,
        responses={(status, media) if answer is not None else status: answer},
        parameters=[asks] if asks is not None else [Page] if lists is not None else None,
    )
    has_query = asks is not None or lists is not None

    def declare(method: Handler) -> Handler:
        @wraps(method)
        def answered(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
            if not has_query:
                view.asked(Query)
            if takes is None and str(request.method).lower() in _CHANGING:
                view.taken(Strict)
            return method(view, request, *args, **kwargs)

        return cast("Handler", described(answered))

    return declare


def _valid(shape: BaseSerializer[Any]) -> Any:
    shape.is_valid(raise_exception=True)
    return shape.validated_data
