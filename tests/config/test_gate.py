"""A request is let in when its body is here whole, and refused in the words of its door when it never will be."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import StreamingHttpResponse

from config import clients, gate
from config.gate import Gate, Pieces
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")
HEADERS = {"Content-Length": "2"}


@pytest.fixture
def through():
    """Give a gate before the whole product."""
    with closing(Gate(get_wsgi_application())) as made:
        yield made


@contextmanager
def closing(made: Gate) -> Iterator[Gate]:
    yield made
    assert len(made.places) == made.places.number
    for place in made.places._free:
        place.close()


def environ(body: bytes, **more: str) -> dict[str, object]:
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/scim/v2/Users", "SERVER_NAME": "localhost", "SERVER_PORT": "8000",
        "HTTP_HOST": "localhost", "CONTENT_TYPE": "application/scim+json", "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": BytesIO(body), "wsgi.url_scheme": "http", **more,
    }  # fmt: skip


def send(through: Gate, body: bytes, secret: str = "", **more: str) -> tuple[int, dict[str, str], bytes]:
    answered: list[tuple[str, list[tuple[str, str]]]] = []
    asked = environ(body, HTTP_AUTHORIZATION=f"Bearer {secret}", **more)
    content = b"".join(through(asked, lambda *told: answered.append(told)))
    status, headers = answered[-1]
    return int(status[:3]), dict(headers), content


def code(content: bytes) -> str:
    return str(orjson.loads(content)["detail"].rpartition("[")[2])


def test_a_body_in_chunks_is_read(through, okta):
    body = b'{"userName": "mei@example.org"}'
    status, _, content = send(through, body, okta.secret, HTTP_TRANSFER_ENCODING="Chunked")
    assert (status, orjson.loads(content)["userName"]) == (201, "mei@example.org")


def test_a_body_in_chunks_that_is_too_large_is_refused(through, okta):
    body = b'{"userName": "' + b"x" * 16 * 1024 * 1024 + b'"}'
    status, _, content = send(through, body, okta.secret, HTTP_TRANSFER_ENCODING="chunked")
    assert (status, code(content)) == (413, "body_too_large]")


def test_without_length_and_chunks_there_is_no_body(through, okta):
    status, _, content = send(through, b'{"userName": "mei@example.org"}', okta.secret)
    assert (status, code(content)) == (400, "body_not_json]")


def test_a_body_that_breaks_off_is_refused_by_every_door_in_its_words(through, okta):
    """Also where what is there could be read: half a form is another form."""
    body = b'{"userName": "mei@example.org"}'
    status, headers, content = send(through, body, okta.secret, CONTENT_LENGTH="100")
    assert (status, code(content), headers["Connection"]) == (408, "body_incomplete]", "close")
    status, headers, content = send(through, body, CONTENT_LENGTH="100", PATH_INFO="/api/v1/organizations")
    problem = orjson.loads(content)
    assert (status, headers["Content-Type"]) == (408, "application/problem+json")
    assert (problem["code"], problem["request_id"]) == ("body_incomplete", headers["X-Request-ID"])
    status, headers, content = send(through, b"password=", CONTENT_LENGTH="100", PATH_INFO="/sign-in")
    assert (status, headers["Content-Type"]) == (408, "text/plain; charset=utf-8")
    assert b"send the request again" in content
    assert send(through, body, okta.secret, CONTENT_LENGTH=str(len(body)))[0] == 201


def test_a_body_beyond_every_limit_is_refused_unread(through):
    sent = environ(
        b"x" * 1000, CONTENT_LENGTH=str(gate.BODY_BYTES_MAX + 1), PATH_INFO="/api/v1/organizations"
    )
    told: list[str] = []
    list(through(sent, lambda status, _: told.append(status)))
    assert told == ["413 Content Too Large"]
    assert sent["wsgi.input"].tell() == 0


def test_scim_knows_who_sends_a_body_that_is_too_long_without_having_it(through, okta):
    sent = environ(
        b"x" * 1000, CONTENT_LENGTH=str(20 * 1024 * 1024), HTTP_AUTHORIZATION=f"Bearer {okta.secret}"
    )
    unread = sent["wsgi.input"]
    content = b"".join(through(sent, lambda *_: None))
    assert (code(content), unread.tell()) == ("body_too_large]", 0)


def test_who_is_late_is_cut_off_and_nobody_else():
    """Those to whom nothing was sent for so long; and what is looked at is left as it was."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as held:
        theirs, ours = [], []
        for _ in range(3):
            theirs.append(held.enter_context(socket.create_connection(server.getsockname(), timeout=10)))
            ours.append(held.enter_context(server.accept()[0]))
        time.sleep(1.1)
        begun = time.monotonic()
        ours[1].sendall(b"x")
        before = len(list(Path("/proc/self/fd").iterdir()))
        port = server.getsockname()[1]
        # Not for others, nor before the time, nor what we have opened ourselves to the same machine: PostgreSQL is there.
        for spared in (("192.0.2.1", port, 0.1), ("127.0.0.1", port, 10.0), ("127.0.0.1", port + 1, 0.1)):
            assert clients.cut_off({spared[:2]: spared[2]}) == 0
        # However long ago that was: to the others nothing was sent for a second longer.
        assert clients.cut_off({("127.0.0.1", port): time.monotonic() - begun + 1}) == 2
        # Fewer, where one of another test went meanwhile.
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
        assert (theirs[0].recv(1), theirs[2].recv(1)) == (b"", b"")
        assert theirs[1].recv(1) == b"x"
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def test_one_address_is_waited_for_so_often_and_no_more(through, okta):
    waits = [through.clients.wait("192.0.2.1", 80) for _ in range(clients.OF_ADDRESS_MAX)]
    body = b'{"userName": "mei@example.org"}'
    length = {"CONTENT_LENGTH": str(len(body))}
    status, headers, content = send(through, body, okta.secret, **length)
    assert (status, code(content), headers["Retry-After"]) == (503, "busy]", "5")
    # Who sends nothing is not waited for.
    assert send(through, b"", okta.secret, REQUEST_METHOD="GET")[0] == 200
    assert send(through, body, okta.secret, **length, REMOTE_ADDR="192.0.2.2")[0] == 201
    through.clients.done(waits[0])
    through.clients.done(waits[0])
    assert send(through, body.replace(b"mei", b"jon"), okta.secret, **length)[0] == 201
    assert send(through, body.replace(b"mei", b"ali"), okta.secret, **length)[0] == 201
    for wait in waits:
        through.clients.done(wait)


def test_all_addresses_together_are_waited_for_so_often_and_no_more():
    waiting = clients.Clients()
    waits = [waiting.wait(f"192.0.2.{number}", 80) for number in range(clients.WAITING_MAX)]
    with pytest.raises(clients.TooManyError):
        waiting.wait("198.51.100.1", 80)
    for wait in waits:
        waiting.done(wait)
    waiting.done(waiting.wait("198.51.100.1", 80))


def test_large_bodies_share_a_limit_and_small_ones_have_none():
    waiting = clients.Clients()
    with waiting.large(clients.LARGE_AT_ONCE_BYTES):
        with pytest.raises(clients.TooManyError), waiting.large(clients.LARGE_BYTES + 1):
            pass
        with waiting.large(clients.LARGE_BYTES):
            pass
    with waiting.large(clients.LARGE_BYTES + 1):
        pass


def test_who_is_over_the_time_is_told_and_sooner_where_many_wait():
    waiting = clients.Clients()
    slow = waiting.wait("192.0.2.1", 80)
    slow.since -= clients.HURRIED_SECONDS + 1
    assert waiting.overdue() == {}
    others = [waiting.wait(f"198.51.100.{number}", 80) for number in range(clients.HURRIED_FROM)]
    assert waiting.overdue() == {("192.0.2.1", 80): clients.HURRIED_SECONDS}
    slow.heard()
    assert waiting.overdue() == {}
    for wait in (slow, *others):
        waiting.done(wait)


def streamed(pieces, **headers: str) -> tuple[Gate, Pieces]:
    through = Gate(lambda *_: StreamingHttpResponse(pieces, headers=headers))
    return through, through(environ(b"", REQUEST_METHOD="GET"), lambda *_: None)


def test_a_long_answer_holds_a_place_only_while_it_is_made():
    through, answer = streamed(b"x" * 1000 for _ in range(1000))
    total = 0
    for piece in answer:
        with through.place({}):
            pass
        assert len(through.clients._waits) == 1
        total += len(piece)
    answer.close()
    assert (total, len(through.clients._waits), len(through.places)) == (1_000_000, 0, through.places.number)


def test_what_was_made_of_a_long_answer_goes_out_before_it_breaks():
    def breaking() -> Iterator[bytes]:
        yield b"one"
        yield b"this is broken"
        raise ConnectionError

    _, answer = streamed(breaking())
    taken = iter(answer)
    assert next(taken) == b"onethis is broken"
    with pytest.raises(ConnectionError):
        next(taken)


def test_a_long_answer_that_breaks_when_its_reader_has_gone_is_logged_all_the_same(caplog):
    def breaking() -> Iterator[bytes]:
        yield b"one"
        raise ConnectionError

    for is_read, told in ((False, ["answer broken"]), (True, [])):
        caplog.clear()
        _, answer = streamed(breaking())
        taken = iter(answer)
        assert next(taken) == b"one"
        if is_read:
            with pytest.raises(ConnectionError):
                next(taken)
        answer.close()
        assert [record.msg["event"] for record in caplog.records if record.name == "rollcall.gate"] == told


def test_a_long_answer_is_read_with_one_of_the_places_connections():
    def pieces():
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'x'")
                yield cursor.fetchone()[0].encode() * gate.PIECE_BYTES

    own = connection.connection
    through, answer = streamed(pieces())
    assert [len(piece) for piece in answer] == [gate.PIECE_BYTES] * 3
    answer.close()
    assert connection.connection is own
    with closing(through):
        assert len(through.places) == through.places.number


def test_a_short_file_is_given_whole_and_waits_for_nobody():
    answer = streamed(iter([b"o", b"k"]), **HEADERS)[1]
    assert answer == [b"ok"]


def test_places_are_as_many_as_the_setting_says_and_come_back(settings):
    settings.ROLLCALL_WEB_THREADS = 1
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def application(asked, _):
        inside.set()
        go_on.wait(PATIENCE)
        seen.append(asked["PATH_INFO"])
        return [b""]

    through = Gate(application)

    def ask(path: str) -> threading.Thread:
        thread = threading.Thread(target=through, args=(environ(b"", PATH_INFO=path), lambda *_: None))
        thread.start()
        return thread

    first = ask("/first")
    assert inside.wait(PATIENCE)
    inside.clear()
    second = ask("/second")
    assert not inside.wait(0.2)
    alive = ask("/healthz")  # whether the process answers, not whether it has time
    assert inside.wait(PATIENCE)
    go_on.set()
    for thread in (first, second, alive):
        thread.join(PATIENCE)
    assert sorted(seen) == ["/first", "/healthz", "/second"]
